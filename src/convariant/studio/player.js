// <convariant-player svg="..." played="[9]" still="[4]">: a picture with its steps, play and speed.
// A new `svg` attribute replaces the picture and leaves speed, play and place as they are.
const KEEP = { playing: !matchMedia("(prefers-reduced-motion: reduce)").matches, speed: 2 };
const SHADOW = `
  <style>
    :host { display: block; color: var(--body-text-color); }
    .stage { overflow-x: auto; border-radius: 8px; }
    svg { display: block; width: 100%; height: auto; max-height: min(70vh, 620px); }
    :host(.only-still) svg { max-height: none; width: auto; max-width: 100%; margin: 0 auto }
    .hidden { display: none } .step { pointer-events: none } [data-shows] { cursor: pointer }
    nav { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; justify-content: center;
      margin: 10px 0 4px }
    button { font: inherit; color: inherit; background: var(--background-fill-secondary);
      border: 1px solid var(--border-color-primary); border-radius: 8px; cursor: pointer;
      min-width: 44px; min-height: 40px; padding: 0 14px }
    :focus-visible { outline: 2px solid #d98800; outline-offset: 2px }
    label { display: flex; gap: 8px; align-items: center; color: var(--body-text-color-subdued) }
    input { width: 110px; accent-color: #0072b2 }
    .notes { text-align: center; min-height: 3.2em; font-variant-numeric: tabular-nums;
      font-size: 14px; line-height: 1.6 }
    .notes p { margin: 0; overflow-wrap: anywhere }
    :host(.only-still) nav > :not(.save), :host(.only-still) .notes { display: none }
    @media (max-width: 760px) {
      :host(:not(.only-still)) svg { max-height: 38vh } .notes { font-size: 13px }
      .notes { min-height: 1.6em } nav { margin: 4px 0 } .save { display: none }
    }
  </style>
  <div class="stage" tabindex="0" role="group" aria-label="picture"></div>
  <nav aria-label="steps">
    <button class="back" aria-label="step back">◀</button>
    <button class="play"></button>
    <button class="next" aria-label="step forward">▶</button>
    <label>speed <input type="range" min="0.5" max="8" step="0.5"></label>
    <button class="save">Save SVG</button>
  </nav>
  <div class="notes" aria-live="off"></div>`;

class Player extends HTMLElement {
  static observedAttributes = ["svg"];

  connectedCallback() {
    this.build();
    this.play(KEEP.playing);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  attributeChangedCallback() {
    this.build();
    const root = this.shadowRoot;
    root.querySelector(".stage").innerHTML = this.getAttribute("svg");
    const svg = root.querySelector("svg");
    svg.style.minWidth = `${Math.round(svg.viewBox.baseVal.width * 0.55)}px`; // smaller: unreadable
    this.played = JSON.parse(this.getAttribute("played"));
    this.shown = JSON.parse(this.getAttribute("still"));
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
    const find = i => this.shadowRoot.getElementById(`s${track}-${i}`);
    find(this.shown[track]).classList.add("hidden");
    find(step).classList.remove("hidden");
    this.shown[track] = step;
    this.shadowRoot.querySelectorAll(".notes p")[track].textContent = find(step).dataset.note;
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
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === " ") this.play(!KEEP.playing);
    else return;
    event.preventDefault();
  }

  save() {
    const svg = this.shadowRoot.querySelector("svg").cloneNode(true);
    svg.querySelectorAll(".hidden").forEach(step => step.remove());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([svg.outerHTML], { type: "image/svg+xml" }));
    link.download = `${this.getAttribute("name")}.svg`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

customElements.define("convariant-player", Player);
