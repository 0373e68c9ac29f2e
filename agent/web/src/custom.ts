// What the operator adds to the page: a stylesheet and a script. Both follow the settings while the page is open.

const STYLE = 'custom-css';

/** Milliseconds a script may take to load before the next one takes its place all the same. */
const PATIENCE = 5000;

/** Puts the stylesheet at `address` on the page in place of the one before; null takes it off. */
export function wearStyle(address: string | null): void {
  const worn = [...document.head.querySelectorAll<HTMLLinkElement>('link[href^="/custom.css"]')];
  const takeOff = () => worn.forEach((link) => link.remove());
  if (address === null) return takeOff();
  if (worn.at(-1)?.getAttribute('href') === address) return;
  worn.forEach((link) => link.removeAttribute('id'));
  const link = document.createElement('link');
  link.id = STYLE;
  link.rel = 'stylesheet';
  link.href = address;
  // The old one stays until the new one is there, so that the page is never seen undressed.
  link.addEventListener('load', takeOff);
  link.addEventListener('error', takeOff);
  document.head.append(link);
}

/**
 * Runs one script at a time: each new address first makes the script before it leave. `load` runs a module, `leave`
 * tells the running one to go. A script that fails is the operator's to mend and nobody else's trouble.
 */
export function scriptRunner(
  load: (address: string) => Promise<unknown>,
  leave: () => void,
): (address: string | null) => Promise<void> {
  let running: string | null = null;
  let runs = 0;
  let turn: Promise<unknown> = Promise.resolve();

  return async (address) => {
    if (address === running) return;
    const wasRunning = running !== null;
    running = address;
    // In turn, or a script that loads slowly would start after it was told to leave.
    await (turn = turn.then(() => {
      if (wasRunning) leave();
      if (address === null) return;
      // A browser runs a module once for each address: the fragment makes an earlier text run again when it comes back.
      const loaded = load(`${address}#${++runs}`).catch((error: unknown) => {
        console.warn('nixcast: the custom script failed:', error);
      });
      return Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    }));
  };
}

/** Makes the script at `address` the one that runs in this page; null leaves none. */
export const runScript = scriptRunner(
  (address) => import(/* @vite-ignore */ address),
  () => window.dispatchEvent(new Event('nixcast:unload')),
);
