import "$lib/theme/tokens.css";
import { mount } from "svelte";
import { speech } from "$lib/i18n/speech.svelte";
import Share from "./Share.svelte";

document.documentElement.lang = speech.language;
mount(Share, { target: document.getElementById("app") as HTMLElement });
