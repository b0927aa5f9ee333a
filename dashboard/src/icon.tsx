/** Drawn on 16 × 16, with the colour of the text. */
const paths = {
  writer: 'M3 13l.7-3L10.600 3.100a1.500 1.500 0 0 1 2.200 2.200L6 12.300zM9.500 4.200l2.200 2.200',
  reader:
    'M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  custom: 'M3 4h10M5 8h6M7 12h2',
  instance: 'M3 3h10v4H3zM3 9h10v4H3zM5.500 5h.01M5.500 11h.01',
  check: 'M3.500 8.500l3 3 6-7',
  warning: 'M8 2.500l6 11H2zM8 6.500v3.500M8 11.800v.01',
  cross: 'M4 4l8 8M12 4l-8 8',
  question: 'M6 6a2 2 0 1 1 2.800 1.900c-.6.300-.8.700-.8 1.400M8 11.800v.01',
  waiting: 'M4 2.500h8M4 13.500h8M5 2.500c0 4 6 4 6 11M11 2.500c0 4-6 4-6 11',
  swap: 'M3 5.500h9M9.500 3l2.500 2.500L9.500 8M13 10.500H4M6.500 8L4 10.500 6.500 13',
  bolt: 'M9 1.500L3.500 9H8l-1 5.500L12.500 7H8z',
  drain: 'M8 2v7M5 6.500L8 9.500l3-3M3 13h10',
  undrain: 'M8 10V3M5 5.500l3-3 3 3M3 13h10',
  light:
    'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  dark: 'M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z',
  auto: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12',
  info: 'M8 7.500V12M8 4.500v.01',
  chevron: 'M6 4l4 4-4 4',
  lock: 'M4 7.500h8V13H4zM5.500 7.500V5.500a2.500 2.500 0 0 1 5 0v2',
} as const;

export type IconName = keyof typeof paths;

/** A picture beside words that say the same. */
export const Icon = ({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) => (
  <svg
    class={`icon icon-${name}`}
    viewBox="0 0 16 16"
    width={size}
    height={size}
    aria-hidden="true"
    focusable="false"
  >
    <path d={paths[name]} />
  </svg>
);
