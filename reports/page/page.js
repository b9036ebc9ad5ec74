// The page's only script: the theme button, and the contents folded away on a narrow screen. The page reads without it.
(() => {
  const root = document.documentElement;
  const button = document.getElementById('theme');
  const order = ['system', 'light', 'dark'];
  let theme = 'system';
  const stored = () => {
    try {
      return localStorage.getItem('mqlab-theme');
    } catch {
      return null; // a page from a disk may have no storage
    }
  };
  const show = (next) => {
    theme = order.includes(next) ? next : 'system';
    if (theme === 'system') root.removeAttribute('data-theme');
    else root.setAttribute('data-theme', theme);
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener('click', () => {
    show(order[(order.indexOf(theme) + 1) % order.length]);
    try {
      localStorage.setItem('mqlab-theme', theme);
    } catch {
      // kept for this visit only
    }
  });
  show(stored());
  for (const code of document.querySelectorAll('pre > code.language-sh, td.command > code')) {
    const copy = document.createElement('button');
    copy.type = 'button';
    copy.className = 'copy';
    copy.textContent = 'Copy';
    const text = code.textContent.trim();
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = 'Copied';
      } catch {
        getSelection()?.selectAllChildren(code); // no clipboard here: the reader copies the selection
        copy.textContent = 'Selected';
      }
      setTimeout(() => {
        copy.textContent = 'Copy';
      }, 1500);
    });
    if (code.parentElement.tagName === 'PRE') code.before(copy);
    else code.after(copy);
  }
  const contents = document.getElementById('contents');
  const narrow = matchMedia('(max-width: 1000px)');
  const fold = () => {
    contents.open = !narrow.matches;
  };
  narrow.addEventListener('change', fold);
  fold();
  contents.addEventListener('click', (event) => {
    if (event.target instanceof HTMLAnchorElement && narrow.matches) contents.open = false;
  });
})();
