/** Dark or light: the browser's wish until the person chooses. */
export type Theme = "dark" | "light";
const KEY = "coudmain.theme";

class Appearance {
  theme: Theme = $state("dark");

  constructor() {
    const kept = localStorage.getItem(KEY);
    const wish = matchMedia("(prefers-color-scheme: light)");
    this.theme = kept === "dark" || kept === "light" ? kept : wish.matches ? "light" : "dark";
    this.#show();
    wish.addEventListener("change", (event) => {
      if (localStorage.getItem(KEY)) return;
      this.theme = event.matches ? "light" : "dark";
      this.#show();
    });
  }

  swap = (): void => {
    this.theme = this.theme === "dark" ? "light" : "dark";
    localStorage.setItem(KEY, this.theme);
    this.#show();
  };

  #show(): void {
    document.documentElement.dataset.theme = this.theme;
    const color = this.theme === "dark" ? "#0b1020" : "#f5f3ee";
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", color);
  }
}

export const appearance = new Appearance();
