import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { formatAgo, formatExact } from './format.ts';

/** So many milliseconds is the server's clock ahead of the browser's. */
export const ClockAhead = createContext(0);

const everyMs = 5_000;

/** Now by the server's clock; another value every few seconds. */
export function useNow(): number {
  const ahead = useContext(ClockAhead);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, []);
  return Math.max(now, Date.now() - everyMs) + ahead;
}

/** How long ago, with the exact time on hover. */
export function Moment({ at }: { readonly at: string }) {
  const now = useNow();
  const date = new Date(at);
  return (
    <time dateTime={at} title={formatExact(date)}>
      {formatAgo(Math.max(0, now - date.getTime()))}
    </time>
  );
}
