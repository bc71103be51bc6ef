// What OHIF's libraries need where there is no browser, and files as they read them.
import { readFileSync } from 'node:fs';

// The packages are made for a browser: they look for these when they are loaded.
globalThis.window ??= globalThis;
globalThis.self ??= globalThis;
globalThis.document ??= {
  createElement: () => ({ getContext: () => null, style: {} }),
  addEventListener() {},
  documentElement: { style: {} },
};
export const { default: dcmjs } = await import('dcmjs');

export function contentOf(file) {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return buffer.slice(byteOffset, byteOffset + byteLength);
}

export function naturalized(content) {
  const { dict } = dcmjs.data.DicomMessage.readFile(content);
  return dcmjs.data.DicomMetaDictionary.naturalizeDataset(dict);
}
