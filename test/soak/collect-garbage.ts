/** Preloaded into Aurelay under `--expose-gc`: a SIGUSR2 throws away what nobody holds, so that memory says who holds. */
process.on('SIGUSR2', () => {
  // What a first pass finalises, a second one frees.
  for (let pass = 0; pass < 2; pass++) globalThis.gc?.();
});
