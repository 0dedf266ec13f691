// Runs before the first paint: sets the theme, so that a dark page never flashes light. The switch in the sidebar
// stores its choice under the same key.
(function () {
  var choice = null;
  try {
    choice = localStorage.getItem("theme");
  } catch (refused) {
    // Storage may be blocked; the system's theme is right then.
  }
  var dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.add(dark ? "dark" : "light");
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
})();
