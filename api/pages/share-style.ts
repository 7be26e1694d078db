/** The look of the share pages. */
export const shareStyle = `:root {
  color-scheme: light dark;
  --paper: light-dark(#faf9f6, #16171a);
  --ink: light-dark(#22242a, #e9e7e2);
  --quiet: light-dark(#6a6c73, #9b9da4);
  --line: light-dark(#dddbd4, #34363c);
  --accent: light-dark(#2f5d8a, #8db9e6);
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
main { max-width: 84rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem); }
header { margin-bottom: clamp(1.25rem, 3vw, 2.5rem); max-width: 46rem; }
h1 {
  margin: 0 0 .4rem;
  font: 500 clamp(1.6rem, 4vw, 2.6rem)/1.15 ui-serif, Georgia, serif;
  letter-spacing: -.01em;
  overflow-wrap: anywhere;
}
p { margin: 0; color: var(--quiet); overflow-wrap: anywhere; white-space: pre-line; }
a { color: var(--accent); }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; background: var(--line); }
figcaption {
  display: flex; justify-content: space-between; gap: 1rem;
  padding-top: .4rem; color: var(--quiet); font-size: .875rem; overflow-wrap: anywhere;
}
.grid {
  display: grid; gap: clamp(.5rem, 1.2vw, 1rem);
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr));
  list-style: none; margin: 0; padding: 0;
}
.grid img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 4px; transition: opacity .15s; }
.grid a:hover img { opacity: .88; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.single img { max-height: 82vh; width: auto; margin: 0 auto; border-radius: 4px; }
nav { display: flex; justify-content: space-between; margin-top: 2rem; }
form { display: grid; gap: .75rem; max-width: 22rem; margin: 14vh auto 0; }
form h1 { font-size: 1.6rem; }
label { font-size: .875rem; color: var(--quiet); }
input, button { font: inherit; padding: .6rem .8rem; border-radius: 6px; }
input { border: 1px solid var(--line); background: transparent; color: inherit; }
button { border: 0; background: var(--accent); color: var(--paper); cursor: pointer; }
.fault { color: light-dark(#a3302a, #f19a94); }
@media (prefers-reduced-motion: reduce) { * { transition: none; } }
`;
