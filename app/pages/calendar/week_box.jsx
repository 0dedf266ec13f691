// The week's scroll box: it begins where work does, and where days stand one by one, at today.
import { useEffect, useRef } from "react";

export function WeekBox({ week, hour, label, children }) {
  const box = useRef(null);
  const first = useRef(hour);
  first.current = hour;
  useEffect(() => {
    const element = box.current;
    let isPlaced = false;
    const place = () => {
      // A box that is not shown cannot be scrolled; it is placed when it appears.
      if (isPlaced || !element.clientHeight) return;
      isPlaced = true;
      const hours = element.querySelector(".hours");
      element.scrollTop = (hours.offsetHeight / 24) * first.current;
      const today = element.querySelector("[data-today=true]");
      element.scrollLeft = today ? today.offsetLeft - hours.firstElementChild.offsetWidth : 0;
    };
    const watcher = new ResizeObserver(place);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [week]);
  return (
    <div ref={box} className="week" role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
