// What somebody needs to lead others here, or to show the stream in a page of their own.

export interface Shared {
  /** Without a slash at its end. */
  origin: string;
  name: string;
}

/** The origin others should use: the declared one, or the one this viewer came by. */
export function sharedOrigin(publicUrl: string | null, own: string): string {
  return (publicUrl ?? own).replace(/\/+$/, '');
}

/** HTML that shows the player in another page. */
export function embedCode({ origin, name }: Shared): string {
  return frame(`${origin}/embed/video`, name, 'width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen');
}

function frame(address: string, title: string, rest: string): string {
  return `<iframe src="${escaped(address)}" title="${escaped(title)}" ${rest} style="border: 0"></iframe>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Puts `text` where the viewer can paste it from. False where the browser does not let the page. */
export async function copy(text: string, field: HTMLInputElement | HTMLTextAreaElement): Promise<boolean> {
  try {
    // Only pages that came by HTTPS have a clipboard.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field.select();
    return document.execCommand('copy');
  }
}
