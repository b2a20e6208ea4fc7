import "$lib/theme/tokens.css";
import { mount } from "svelte";
import { speech } from "$lib/i18n/speech.svelte";
import Provider from "./Provider.svelte";

document.documentElement.lang = speech.language;
mount(Provider, { target: document.getElementById("app") as HTMLElement });
