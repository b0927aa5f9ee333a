import type { Level } from './trouble.ts';

/** What stands in the tab: the mark of Aurelay, with a shape and a colour that show trouble. */
const colours: Readonly<Record<Level | 'lost', string>> = {
  ok: '#12a37f',
  notice: '#c98a1b',
  busy: '#e08a00',
  bad: '#d6303f',
  lost: '#7c8796',
};

const shapes: Readonly<Record<Level | 'lost', string>> = {
  ok: '',
  notice: '<circle cx="25" cy="7" r="6" fill="#c98a1b" stroke="#fff" stroke-width="2"/>',
  busy: '<circle cx="25" cy="7" r="6" fill="#fff" stroke="#e08a00" stroke-width="4"/>',
  bad: '<path d="M24 0l8 14H16z" fill="#fff"/><path d="M24 3v5M24 10.500v1" stroke="#d6303f" stroke-width="2.500"/>',
  lost: '<path d="M2 30L30 2" stroke="#fff" stroke-width="4"/>',
};

export function tabIcon(level: Level | 'lost'): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${colours[level]}"/><path d="M6 22c5 0 5-12 10-12s5 12 10 12" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"/>${shapes[level]}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
