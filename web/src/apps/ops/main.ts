import "$lib/theme/tokens.css";
import { mount } from "svelte";
import { speech } from "$lib/i18n/speech.svelte";
import Ops from "./Ops.svelte";

document.documentElement.lang = speech.language;
mount(Ops, { target: document.getElementById("app") as HTMLElement });
