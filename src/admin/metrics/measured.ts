/** An observer never throws, and prom-client does at a negative number or none: a clock's slip counts as 0. */
export const measured = (amount: number): number => (Number.isFinite(amount) && amount > 0 ? amount : 0);
