// A table of things with a heading, a notice while it is empty or unread, and cells as text.
import type { ComponentChildren } from "preact";
import { visible } from "../text/visible";

interface Shown<T> {
  title: string;
  columns: string[];
  rows: T[] | undefined;
  problem: string;
  /** Said when there are no rows. */
  empty: string;
  row: (row: T) => ComponentChildren[];
  name: (row: T) => string;
}

export function Listing<T>({ title, columns, rows, problem, empty, row, name }: Shown<T>) {
  if (problem) {
    return (
      <p role="alert" class="problem">
        {visible(problem)}
      </p>
    );
  }
  if (!rows) return <p class="notice">Reading …</p>;
  if (rows.length === 0) return <p class="notice">{empty}</p>;
  return (
    <div class="wide" role="region" aria-label={title} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((each) => (
            <tr key={name(each)}>
              {row(each).map((cell, n) => (n === 0 ? <th scope="row" key={n}>{cell}</th> : <td key={n}>{cell}</td>))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A name of people or programs as text. */
export function Name({ children }: { children: string | null | undefined }) {
  return <bdi>{visible(children ?? "")}</bdi>;
}
