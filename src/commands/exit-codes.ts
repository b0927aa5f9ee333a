/** What the commands end with (docs/command-line.md); scripts rely on it. */
export const exitCode = {
  done: 0,
  /** It could not be done, or Aurelay refused; standard error says why. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** `status --check` found something that is not well, or `doctor` an error. */
  unwell: 3,
  /** Ctrl-C in the middle of a question, as a shell has it: 128 and the number of SIGINT. */
  interrupted: 130,
} as const;
