import { type Matrix, makeMatrix, rowOf } from '../reference/float-model/matrix.ts';
import type { TokenWindows } from './token-windows.ts';

/** Some rows out of all windows: the same ones of every value. */
export interface RowSample {
  /** Takes those that are in this window. */
  add(rows: Matrix, window: number): void;
  /** [count, K] */
  finish(): Matrix;
}

/** The golden ratio's fraction: its multiples modulo 1 spread evenly, so that no place in a window is taken more often than others. */
const goldenFraction = (Math.sqrt(5) - 1) / 2;

/** `count` rows of K values, one of each equal stretch of the text, all where the text is shorter. */
export function sampleRows({ window, count: windows }: TokenWindows, k: number, count: number): RowSample {
  const tokens = window * windows;
  const taken = Math.min(count, tokens);
  const stretch = tokens / taken;
  const places = Array.from({ length: taken }, (_, index) =>
    Math.floor((index + ((index * goldenFraction) % 1)) * stretch),
  );
  const sample = makeMatrix(taken, k);
  return {
    add(rows, at) {
      places.forEach((place, index) => {
        if (Math.floor(place / window) === at) sample.data.set(rowOf(rows, place % window), index * k);
      });
    },
    finish: () => sample,
  };
}
