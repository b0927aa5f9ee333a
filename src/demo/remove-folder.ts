import { rm } from 'node:fs/promises';

/** Removes a folder with all that is in it, also while a process that ends still drops a file there. */
export const removeFolder = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
