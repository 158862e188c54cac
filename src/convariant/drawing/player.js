// <convariant-player picture="..." notes="[[...]]" played="[9]" still="[4]">: a picture with its
// steps, play, speed, and the sum of products of any output that one points at. `picture` is HTML;
// a new one replaces it and leaves speed and play as they are. With `paused` it waits to be played.
const KEEP = { playing: !matchMedia("(prefers-reduced-motion: reduce)").matches, speed: 2 };
const SHADOW = `
  <style>
    :host { display: block; color: var(--player-ink); }
    .stage { border-radius: 8px; }
    .bar { position: sticky; bottom: 0; background: var(--player-paper); }
    nav { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; justify-content: center;
      margin: 12px 0 6px }
    button { font: inherit; color: inherit; background: var(--player-box);
      border: 1px solid var(--player-edge); border-radius: 8px; cursor: pointer;
      min-width: 44px; min-height: 40px; padding: 0 14px }
    :focus-visible { outline: 2px solid #d98800; outline-offset: 2px }
    label { display: flex; gap: 8px; align-items: center; color: var(--player-muted) }
    input { width: 110px; accent-color: #0072b2 }
    .notes { text-align: center; min-height: 3.2em; font-variant-numeric: tabular-nums;
      font-size: 14px; line-height: 1.6 }
    .notes p { margin: 0; overflow-wrap: anywhere }
    :host(.only-still) nav > :not(.save), :host(.only-still) .notes { display: none }
    @media (max-width: 760px) {
      .notes { min-height: 1.6em } nav { margin: 6px 0 4px }
      :host(:not(.only-still)) .save { display: none }
    }
  </style>
  <div class="stage" part="stage" tabindex="0" role="group" aria-label="picture"></div>
  <div class="bar"><nav aria-label="steps">
    <button class="back" aria-label="step back">◀</button>
    <button class="play"></button>
    <button class="next" aria-label="step forward">▶</button>
    <label>speed <input type="range" min="0.5" max="8" step="0.5"></label>
    <button class="save">Save SVG</button>
  </nav>
  <div class="notes" aria-live="off"></div></div>`;

class Player extends HTMLElement {
  static observedAttributes = ["picture"];

  connectedCallback() {
    this.build();
    if (this.hasAttribute("paused")) KEEP.playing = false;
    this.play(KEEP.playing);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  attributeChangedCallback() {
    this.build();
    const root = this.shadowRoot;
    root.querySelector(".stage").innerHTML = this.getAttribute("picture");
    this.played = JSON.parse(this.getAttribute("played"));
    this.shown = JSON.parse(this.getAttribute("still"));
    this.notes = JSON.parse(this.getAttribute("notes"));
    this.steps = this.notes.map(notes => notes.map(() => []));
    for (const group of root.querySelectorAll("[data-step]")) {
      const [track, step] = group.dataset.step.split("-");
      this.steps[track][step].push(group);
    }
    this.longest = Math.max(1, ...this.played);
    this.classList.toggle("only-still", this.longest === 1);
    root.querySelector(".notes").innerHTML = this.played.map(() => "<p></p>").join("");
    this.clock = Math.floor((this.shown[0] ?? 0) * this.longest / (this.played[0] ?? 1));
    this.shown.forEach((step, track) => this.show(track, step));
  }

  build() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = SHADOW;
    const on = (selector, event, act) => root.querySelector(selector).addEventListener(event, act);
    on(".play", "click", () => this.play(!KEEP.playing));
    on(".back", "click", () => this.step(-1));
    on(".next", "click", () => this.step(1));
    on(".save", "click", () => this.save());
    on("input", "input", event => { KEEP.speed = +event.target.value; this.play(KEEP.playing); });
    on(".stage", "click", event => this.point(event));
    on(".stage", "mouseover", event => this.point(event));
    on(".stage", "keydown", event => this.key(event));
    root.querySelector("input").value = KEEP.speed;
  }

  show(track, step) {
    this.steps[track][this.shown[track]].forEach(group => group.classList.add("hidden"));
    this.steps[track][step].forEach(group => group.classList.remove("hidden"));
    this.shown[track] = step;
    this.shadowRoot.querySelectorAll(".notes p")[track].textContent = this.notes[track][step];
  }

  go(to) {
    this.clock = (to + this.longest) % this.longest;
    this.played.forEach(
      (length, track) => this.show(track, Math.floor(this.clock * length / this.longest)));
  }

  play(on) {
    KEEP.playing = on;
    clearInterval(this.timer);
    this.timer = on ? setInterval(() => this.go(this.clock + 1), 1000 / KEEP.speed) : null;
    this.shadowRoot.querySelector(".play").textContent = on ? "Pause" : "Play";
  }

  step(by) {
    this.play(false);
    this.go(this.clock + by);
  }

  point(event) {
    const cell = event.target.closest("[data-shows]");
    if (!cell) return;
    this.play(false);
    const [track, step] = cell.dataset.shows.split("-").map(Number);
    this.show(track, step);
    if (step < this.played[track]) {
      this.clock = Math.ceil(step * this.longest / this.played[track]);
    }
  }

  key(event) {
    const at = event.composedPath()[0];
    if (event.key.startsWith("Arrow") && at.scrollWidth > at.clientWidth) return; // they scroll it
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === " ") this.play(!KEEP.playing);
    else return;
    event.preventDefault();
  }

  // the frame holds what is left out where parts move: title, legend and arrows
  save() {
    const stage = this.shadowRoot.querySelector(".stage");
    const svg = stage.querySelector(".frame").cloneNode(true);
    svg.removeAttribute("class");
    for (const part of stage.querySelectorAll(".rows:not(.narrow) .part")) svg.append(...part.cloneNode(true).children);
    svg.querySelectorAll(".hidden").forEach(step => step.remove());
    const text = new XMLSerializer().serializeToString(svg);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    link.download = `${this.getAttribute("name")}.svg`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

customElements.define("convariant-player", Player);
