import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const where = 'aurelay-theme';

/** Some browsers let a page keep nothing: it is then as the system is. */
function kept(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(where)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

function keep(theme: Theme): void {
  try {
    localStorage.setItem(where, theme);
  } catch {
    // It holds for as long as the page is open.
  }
}

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
let applied: Theme = 'auto';

/** The style sheet knows two themes, so that each colour is written once in each. */
function apply(theme: Theme): void {
  applied = theme;
  const asTheSystem = systemIsDark.matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme === 'auto' ? asTheSystem : theme;
}

/** What was chosen here before, else what the system has, from now on. */
export function applyKeptTheme(): void {
  apply(kept());
  systemIsDark.addEventListener('change', () => apply(applied));
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(kept);
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
  const names = { auto: 'as the system', light: 'light', dark: 'dark' };
  const change = (): void => {
    setTheme(next);
    keep(next);
    apply(next);
  };
  const label = `Colours: ${names[theme]}. Change to ${names[next]}`;
  return (
    <button type="button" class="quiet" onClick={change} aria-label={label} title={label}>
      <Icon name={theme} />
    </button>
  );
}
