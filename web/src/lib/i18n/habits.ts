/** How numbers and moments are written where the reader lives. Pure: what the browser wishes is handed in. */

/** A language without a country: the ways of where most of its readers here are. */
const HOME: Readonly<Record<string, string>> = { fr: "fr-FR", en: "en-GB" };
const TAG = /^[a-z]{2}(-[a-z0-9]{2,8})*$/i; // some browsers wish for "en-US@posix", which Intl throws at

/** The locale to format in: the browser's first one of this language, else the language at home. */
export function localeOf(language: string, wished: readonly string[]): string {
  const own = wished.find((tag) => TAG.test(tag) && tag.toLowerCase().split("-")[0] === language);
  return own ?? HOME[language] ?? language;
}

/** "14:36" for a moment of today, "27 Nov 2026, 14:36" for any other: a time alone would be read as today's. */
export function moment(at: Date, now: Date, locale: string, timeStyle: "short" | "medium"): string {
  const today = at.toDateString() === now.toDateString();
  return new Intl.DateTimeFormat(locale, today ? { timeStyle } : { dateStyle: "medium", timeStyle }).format(
    at,
  );
}

/** "12 s", "3 min", "1 h 05". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole}\u00a0s`;
  if (whole < 5400) return `${Math.round(whole / 60)}\u00a0min`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)}\u00a0h\u00a0${String(minutes % 60).padStart(2, "0")}`;
}

/** "340 m", "2.1 km". */
export function distance(meters: number, locale: string): string {
  const tens = Math.round(meters / 10) * 10;
  if (tens < 1000) return `${tens}\u00a0m`;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(meters / 1000)}\u00a0km`;
}
