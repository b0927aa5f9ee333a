const steps = [
  ['suspect', 'Suspect'],
  ['fencing', 'Shut out'],
  ['promoting', 'Promote'],
  ['verifying', 'Check'],
] as const;

/** How far a change of the writer has come. */
export function PhaseSteps({ phase }: { readonly phase: string }) {
  const current = steps.findIndex(([name]) => name === phase);
  if (current < 0) return null;
  return (
    <ol class="steps" aria-label="Steps of the change">
      {steps.map(([name, words], index) => (
        <li
          key={name}
          class={index < current ? 'is-done' : index === current ? 'is-current' : ''}
          {...(index === current && { 'aria-current': 'step' as const })}
        >
          {words}
        </li>
      ))}
    </ol>
  );
}
