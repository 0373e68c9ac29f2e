// What the operator's Markdown needs from a script, once it is in the page.

/**
 * Lets the keyboard scroll what is wider than its box, in `root`: a table, a long line of code.
 * The returned function lets go of it.
 */
export function keepScrollable(root: Element): () => void {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute('tabindex', '0');
      else target.removeAttribute('tabindex');
    }
  });
  root.querySelectorAll('table, pre').forEach((box) => observer.observe(box));
  return () => observer.disconnect();
}
