/** The page's language: words, numbers, times. Kept per browser, French or English, the browser's own first. */
import { Problem } from "../api/http";
import { en, type Key, type Words } from "./en";
import { fr } from "./fr";

export type Language = "fr" | "en";
const KEY = "coudmain.language";
const WORDS: Record<Language, Words> = { fr, en };

function first(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === "fr" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
}

class Speech {
  language: Language = $state(first());

  /** The words for `key`, with `{name}` replaced from `values`. */
  say = (key: Key, values: Record<string, string | number> = {}): string =>
    fill(WORDS[this.language][key], values);

  /** Words for a key made from data, or the data itself where we have none. */
  sayOr = (key: string, otherwise: string): string =>
    key in en ? this.say(key as Key) : otherwise.replaceAll("_", " ");

  /** A refusal in words: ours by its code where we have them, else the server's, which speaks the page's language. */
  explain = (cause: unknown): string => {
    if (!(cause instanceof Problem)) return this.say("error.other", { why: String(cause) });
    const key = `error.${cause.status === 429 ? "rate_limited" : cause.code}`;
    return key in en ? this.say(key as Key) : this.say("error.other", { why: cause.message || cause.code });
  };

  /** A person's name, or the last signs of the id where no name was given. */
  name = (name: string | null | undefined, id: string): string =>
    name?.trim() || this.say("ops.nameless", { id: id.slice(-6) });

  number = (value: number, digits = 0): string =>
    new Intl.NumberFormat(this.language, { maximumFractionDigits: digits }).format(value);

  money = (money: { amount: number; currency: string }): string =>
    new Intl.NumberFormat(this.language, { style: "currency", currency: money.currency }).format(
      money.amount / 100,
    );

  time = (at: string): string =>
    new Intl.DateTimeFormat(this.language, { timeStyle: "medium" }).format(new Date(at));

  /** "14:36": a moment of today, to the minute. */
  clock = (at: string): string =>
    new Intl.DateTimeFormat(this.language, { timeStyle: "short" }).format(new Date(at));

  /** "12 s", "3 min", "1 h 05". */
  duration = (seconds: number): string => {
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 90) return `${whole} s`;
    if (whole < 5400) return `${Math.round(whole / 60)} min`;
    return `${Math.floor(whole / 3600)} h ${String(Math.round((whole % 3600) / 60) % 60).padStart(2, "0")}`;
  };

  /** "340 m", "2.1 km". */
  distance = (meters: number): string =>
    meters < 1000 ? `${Math.round(meters / 10) * 10} m` : `${this.number(meters / 1000, 1)} km`;

  swap = (): void => {
    this.language = this.language === "fr" ? "en" : "fr";
    localStorage.setItem(KEY, this.language);
    document.documentElement.lang = this.language;
  };
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export const speech = new Speech();
