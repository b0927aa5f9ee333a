import type { IconName } from './icon.tsx';
import type { Level } from './trouble.ts';

export const levelIcons: Readonly<Record<Level, IconName>> = {
  ok: 'check',
  notice: 'info',
  busy: 'waiting',
  bad: 'warning',
};
