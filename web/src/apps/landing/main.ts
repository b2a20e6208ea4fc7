import "$lib/theme/tokens.css";
import { mount } from "svelte";
import { speech } from "$lib/i18n/speech.svelte";
import Landing from "./Landing.svelte";

document.documentElement.lang = speech.language;
mount(Landing, { target: document.getElementById("app") as HTMLElement });
