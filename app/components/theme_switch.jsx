// Light, dark, or whatever the system says; the choice is remembered in this browser.
import { useContext, useEffect, useState } from "react";

import { ColorModeContext } from "$/utils/context-registry";

const NEXT = { system: "light", light: "dark", dark: "system" };
const WORDS = { system: "System theme", light: "Light theme", dark: "Dark theme" };

export function ThemeSwitch() {
  const { rawColorMode, setColorMode } = useContext(ColorModeContext);
  const [ready, setReady] = useState(false);
  useEffect(() => setReady(true), []);
  const mode = ready && rawColorMode in NEXT ? rawColorMode : "system";
  return (
    <button
      type="button"
      className="btn quiet small"
      title={`Switch to: ${WORDS[NEXT[mode]].toLowerCase()}`}
      onClick={() => setColorMode(NEXT[mode])}
    >
      {WORDS[mode]}
    </button>
  );
}
