/** The page's language: words, numbers, times. Kept per browser, French or English, the browser's own first. */
import { Problem } from "../api/http";
import { en, type Key, type Words } from "./en";
import { fr } from "./fr";
import { distance, duration, localeOf, moment } from "./habits";

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
  readonly #locale = $derived(localeOf(this.language, navigator.languages));

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
    new Intl.NumberFormat(this.#locale, { maximumFractionDigits: digits }).format(value);

  money = (money: { amount: number; currency: string }): string =>
    new Intl.NumberFormat(this.#locale, { style: "currency", currency: money.currency }).format(
      money.amount / 100,
    );

  /** "14:36:07", with its day where that is not today. */
  time = (at: string): string => moment(new Date(at), new Date(), this.#locale, "medium");

  /** "14:36", with its day where that is not today. */
  clock = (at: string): string => moment(new Date(at), new Date(), this.#locale, "short");

  duration = duration;

  distance = (meters: number): string => distance(meters, this.#locale);

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
