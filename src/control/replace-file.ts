import { type FileHandle, open, rename } from 'node:fs/promises';

/** Replaces `path` in `directory` by `text`, so that after a power cut it is the old or the new one, whole. */
export async function replaceFile(directory: string, path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await withFile(temporary, 'w', async (file) => {
    await file.writeFile(text);
    await file.sync();
  });
  await rename(temporary, path);
  // The rename itself must survive a power cut too.
  await withFile(directory, 'r', (file) => file.sync());
}

async function withFile(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
