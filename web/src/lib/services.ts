/** What services are called: the catalogue's words in the page's language. */
import { speech } from "./i18n/speech.svelte";

export interface Service {
  slug: string;
  name: string;
  /** by language, where the catalogue has several */
  names?: Record<string, string>;
}

export function serviceName(services: readonly Service[], slug: string): string {
  const service = services.find((one) => one.slug === slug);
  return service?.names?.[speech.language] ?? service?.name ?? slug;
}
