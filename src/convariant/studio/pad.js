// <convariant-pad>: a square to draw on. While one draws, events `ink` carry what is drawn, SIDE x
// SIDE bytes in hexadecimal. Keys: arrows move the pen, the space bar puts it down or lifts it,
// Delete clears.
const SIDE = 56, SIZE = 280, EVERY = 60;

class Pad extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = `
      <style>
        canvas { width: 100%; max-width: ${SIZE}px; aspect-ratio: 1; background: #fff;
          border: 1px solid var(--border-color-primary); border-radius: 8px; touch-action: none;
          cursor: crosshair; display: block; margin: 0 auto }
        div { position: relative; max-width: ${SIZE}px; margin: 0 auto }
        i { position: absolute; width: 18px; height: 18px; margin: -10px; border-radius: 50%;
          border: 2px solid #d98800; pointer-events: none; visibility: hidden }
        i.down { background: #d98800 }
        canvas:focus-visible + i { visibility: visible }
        button { font: inherit; color: inherit; background: var(--background-fill-secondary);
          border: 1px solid var(--border-color-primary); border-radius: 8px; cursor: pointer;
          min-height: 40px; padding: 0 14px; display: block; margin: 8px auto 0 }
        :focus-visible { outline: 2px solid #d98800; outline-offset: 2px }
      </style>
      <div><canvas width="${SIZE}" height="${SIZE}" tabindex="0" role="img"
        aria-label="Draw a digit: pointer, or arrows with the space bar"></canvas><i></i></div>
      <button>Clear</button>`;
    this.canvas = root.querySelector("canvas");
    this.ink = this.canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this.ink, { lineWidth: 24, lineCap: "round", lineJoin: "round" });
    this.mark = root.querySelector("i"); // where the pen is, for those who use keys
    this.pen = { x: SIZE / 2, y: SIZE / 4, down: false };
    this.show();
    const on = (name, act) => this.canvas.addEventListener(name, act);
    on("pointerdown", event => {
      this.canvas.setPointerCapture(event.pointerId);
      this.pen = { ...this.place(event), down: true };
      this.line(this.pen);
    });
    on("pointermove", event => event.buttons && this.line(this.place(event)));
    on("pointerup", () => { this.pen.down = false; });
    on("keydown", event => this.key(event));
    root.querySelector("button").addEventListener("click", () => this.clear());
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = SIZE / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  }

  line(to) {
    this.ink.beginPath();
    this.ink.moveTo(this.pen.x, this.pen.y);
    this.ink.lineTo(to.x, to.y);
    this.ink.stroke();
    Object.assign(this.pen, { x: to.x, y: to.y });
    this.timer ??= setTimeout(() => this.send(), EVERY);
  }

  key(event) {
    const steps = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
    if (event.key === " ") {
      this.pen.down = !this.pen.down;
      if (this.pen.down) this.line(this.pen);
    } else if (event.key === "Delete") this.clear();
    else if (event.key in steps) {
      const inside = value => Math.min(Math.max(value, 0), SIZE);
      const [dx, dy] = steps[event.key];
      const to = { x: inside(this.pen.x + dx), y: inside(this.pen.y + dy) };
      if (this.pen.down) this.line(to);
      else Object.assign(this.pen, to);
    } else return;
    this.show();
    event.preventDefault();
  }

  show() {
    this.mark.style.left = `${100 * this.pen.x / SIZE}%`;
    this.mark.style.top = `${100 * this.pen.y / SIZE}%`;
    this.mark.classList.toggle("down", this.pen.down);
  }

  clear() {
    this.ink.clearRect(0, 0, SIZE, SIZE);
    this.send();
  }

  send() {
    this.timer = null;
    const small = document.createElement("canvas");
    small.width = small.height = SIDE;
    const context = small.getContext("2d");
    context.drawImage(this.canvas, 0, 0, SIDE, SIDE);
    const alpha = context.getImageData(0, 0, SIDE, SIDE).data.filter((_, i) => i % 4 === 3);
    const hex = Array.from(alpha, value => value.toString(16).padStart(2, "0")).join("");
    this.dispatchEvent(new CustomEvent("ink", { detail: hex }));
  }
}

customElements.define("convariant-pad", Pad);
