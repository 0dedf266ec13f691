// A chart and the table beside it: the same numbers, and from each point the same way into the log. All points are one
// stop for the tab key; arrows go from one to the next.
import { useRef, useState } from "react";
import { Link } from "react-router";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -Infinity, End: Infinity };

function Marks({ kind, series, heights }) {
  return series.map((item, place) => {
    const height = heights[place];
    if (height === null) return null;
    const style = kind === "bars" ? { height: `${height}%` } : { bottom: `${height}%` };
    return <span key={item.look} className={`mark-${kind === "bars" ? "bar" : "dot"} ${item.look}`} style={style} />;
  });
}

function Lines({ chart }) {
  const count = chart.points.length;
  return (
    <svg viewBox={`0 0 ${count} 100`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {chart.series.map((item, place) => (
        <path key={item.look} className={item.look} d={pathOf(chart.points.map((point) => point.heights[place]))} />
      ))}
    </svg>
  );
}

function pathOf(heights) {
  // A moment without a value is a gap, not a line across it.
  let isDown = false;
  return heights
    .map((height, place) => {
      const begins = !isDown;
      isDown = height !== null;
      return isDown ? `${begins ? "M" : "L"}${place + 0.5} ${100 - height}` : "";
    })
    .join("");
}

function Plot({ chart, moments, path }) {
  const row = useRef(null);
  const [at, setAt] = useState(null);
  const last = chart.points.length - 1;
  const [stop, setStop] = useState(last);
  const current = Math.min(stop, last);
  const move = (event) => {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    row.current.children[Math.max(0, Math.min(last, current + step))]?.focus();
  };
  const shown = at === null || at > last ? null : chart.points[at];
  return (
    <div className="plot">
      <div className="plot-scale" aria-hidden="true">
        {chart.ticks.map((tick) => (
          <span key={tick.at} style={{ bottom: `${tick.at}%` }}>
            {tick.label}
          </span>
        ))}
      </div>
      <div className="plot-area">
        {chart.ticks.map((tick) => (
          <i key={tick.at} style={{ bottom: `${tick.at}%` }} aria-hidden="true" />
        ))}
        {chart.kind === "lines" ? <Lines chart={chart} /> : null}
        <div
          ref={row}
          className={`plot-points is-${chart.kind}`}
          role="group"
          aria-label={`${chart.title}: points. Arrow keys go from one to the next, Enter opens its log.`}
          onKeyDown={move}
          onPointerLeave={() => setAt(null)}
        >
          {chart.points.map((point, place) => (
            <Link
              key={place}
              to={path(place)}
              tabIndex={place === current ? 0 : -1}
              aria-label={`${moments[place]?.label}: ${point.said}`}
              className={place === at ? "on" : ""}
              onPointerEnter={() => setAt(place)}
              onFocus={() => {
                setAt(place);
                setStop(place);
              }}
              onBlur={() => setAt(null)}
            >
              <Marks kind={chart.kind} series={chart.series} heights={point.heights} />
            </Link>
          ))}
        </div>
      </div>
      <div className="plot-dates" aria-hidden="true">
        {moments.map((moment, place) =>
          moment.tick ? (
            <span key={place} style={place === last ? {} : { left: `${((place + 0.5) / moments.length) * 100}%` }}>
              {moment.tick}
            </span>
          ) : null,
        )}
      </div>
      <p className="plot-said" aria-hidden="true">
        {shown ? (
          <>
            <b>{moments[at]?.label}</b> {shown.said}
          </>
        ) : (
          "Each point opens its log."
        )}
      </p>
    </div>
  );
}

function Table({ chart, moments, path }) {
  return (
    <div className="plot-table" role="region" aria-label={`${chart.title} as a table`} tabIndex={0}>
      <table>
        <caption className="sr-only">{chart.title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {chart.headers.map((header) => (
              <th key={header} scope="col">
                {header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {chart.points
            .map((point, place) => (
              <tr key={place}>
                <th scope="row">
                  <Link to={path(place)} className="link" aria-label={`${moments[place]?.label}, open the log`}>
                    {moments[place]?.label}
                  </Link>
                </th>
                {point.cells.map((cell, column) => (
                  <td key={column}>{cell}</td>
                ))}
              </tr>
            ))
            .reverse()}
        </tbody>
      </table>
    </div>
  );
}

export function Chart({ chart, moments }) {
  const path = (place) => chart.log + (moments[place]?.query ?? "");
  return (
    <div className="plot-pair">
      <div>
        <Plot chart={chart} moments={moments} path={path} />
        {chart.series.length > 1 ? (
          <p className="plot-legend" aria-hidden="true">
            {chart.series.map((item) => (
              <span key={item.look}>
                <i className={`mark-${chart.kind === "bars" ? "bar" : "dot"} ${item.look}`} />
                {item.name}
              </span>
            ))}
          </p>
        ) : null}
      </div>
      <Table chart={chart} moments={moments} path={path} />
    </div>
  );
}
