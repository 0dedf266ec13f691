// The way to a provider's consent page: a window of its own, or this tab where the browser blocks windows. The last
// page of the walk says on a channel of our origin how it ended; every other ending is told apart here.
import { useState } from "react";
import { useNavigate } from "react-router";

const CHANNEL = "patchbay.oauth";
const LOOK_MS = 400;
const GRACE_MS = 1200;

// The card with the button may be gone before the window has told us, as it shows the new connection: so the walk
// belongs to the page, not to the button. One at a time.
let stop = () => {};

export function ConsentButton({ href, label, provider, className = "btn", disabled = false, title = "" }) {
  const navigate = useNavigate();
  const [said, setSaid] = useState("");

  const open = (event) => {
    if (disabled || event.ctrlKey || event.metaKey || event.shiftKey) {
      if (disabled) event.preventDefault();
      return;
    }
    event.preventDefault();
    stop();
    const began = window.location.pathname;
    const opened = window.open(`${href}&popup=1`, "_blank", "popup,width=660,height=780");
    if (!opened) {
      setSaid("blocked");
      return;
    }
    setSaid("waiting");
    let closedAt = 0;
    let over = false;
    const finish = (result) => {
      if (over || result?.type !== CHANNEL || typeof result.page !== "string") return;
      over = true;
      stop();
      setSaid("");
      if (window.location.pathname !== began) return;
      // The code stays in the address, so that a reload says the same; the page turns it into a sentence.
      const query = result.page.includes("?") ? result.page.slice(result.page.indexOf("?")) : "";
      navigate(began + query, { replace: true });
    };
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (message) => finish(message.data);
    const onMessage = (message) => {
      if (message.origin === window.location.origin) finish(message.data);
    };
    window.addEventListener("message", onMessage);
    const look = setInterval(() => {
      if (!opened.closed) return;
      closedAt ||= Date.now();
      // A window that finished closes itself just after it has told us: give its word time to arrive.
      if (Date.now() - closedAt > GRACE_MS) {
        clearInterval(look);
        setSaid("closed");
      }
    }, LOOK_MS);
    stop = () => {
      clearInterval(look);
      window.removeEventListener("message", onMessage);
      channel.close();
      stop = () => {};
    };
  };

  return (
    <span className="consent">
      <a
        href={disabled ? undefined : href}
        role="link"
        className={className}
        aria-disabled={disabled || undefined}
        title={title || undefined}
        onClick={open}
      >
        {label}
      </a>
      <span role="status" className={said ? "said" : "sr-only"}>
        {said === "waiting" ? `Go on in ${provider}’s window. This page shows how it ended.` : null}
        {said === "blocked" ? (
          <>
            Your browser blocked the window. Allow windows for this site, or{" "}
            <a href={href} className="link">
              go to {provider} in this tab
            </a>
            .
          </>
        ) : null}
        {said === "closed"
          ? `${provider}’s window was closed before it finished. Nothing was connected; start again when you are ready.`
          : null}
      </span>
    </span>
  );
}
