// How many segments a text message takes (3GPP TS 23.038): 160 characters of the GSM alphabet, or 70 of UCS-2 as soon
// as one is outside it; a little less each where several segments are joined.
const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
    "¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("\f^{}\\[~]|€");
const GSM = { name: "GSM", single: 160, joined: 153 };
const UCS2 = { name: "Unicode", single: 70, joined: 67 };

// What each character takes: one or two septets, or one or two UTF-16 units. No character is cut in two.
function costs(text, isGsm) {
  return Array.from(text, (letter) => (isGsm ? (EXTENDED.has(letter) ? 2 : 1) : letter.length));
}

function pack(units, room) {
  let segments = 1;
  let used = 0;
  for (const unit of units) {
    if (used + unit > room) {
      segments += 1;
      used = 0;
    }
    used += unit;
  }
  return segments;
}

export function countSegments(text) {
  const isGsm = Array.from(text).every((letter) => BASIC.has(letter) || EXTENDED.has(letter));
  const alphabet = isGsm ? GSM : UCS2;
  const units = costs(text, isGsm);
  const length = units.reduce((sum, unit) => sum + unit, 0);
  if (length <= alphabet.single) return { alphabet: alphabet.name, length, segments: length ? 1 : 0, room: alphabet.single };
  const segments = pack(units, alphabet.joined);
  return { alphabet: alphabet.name, length, segments, room: segments * alphabet.joined };
}
