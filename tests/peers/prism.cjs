// Turns the description of Google Calendar's API that comes with its SDK into one that Prism holds requests to.
// Usage: node prism.cjs <converter> <discovery document> <output>
const fs = require("fs")
const [converter, source, target] = process.argv.slice(2)
const { convert } = require(converter)

const described = convert(JSON.parse(fs.readFileSync(source, "utf8")))
// Prism looks at whole paths; who may call is not what is tested here.
described.paths = Object.fromEntries(
  Object.entries(described.paths).map(([path, item]) => [described.basePath + path, item]),
)
described.basePath = "/"
described.consumes = described.produces = ["application/json"]
delete described.securityDefinitions
for (const item of Object.values(described.paths)) {
  for (const operation of Object.values(item)) delete operation.security
}
// A field that Google does not describe is a mistake of ours, also where Google would let it pass.
for (const schema of Object.values(described.definitions)) {
  if (schema.type === "object" && schema.properties) schema.additionalProperties ??= false
}
// Described as text that holds milliseconds: the example that Prism would make up holds none.
described.definitions.Channel.properties.expiration.example = "1795867200000"
fs.writeFileSync(target, JSON.stringify(described))
