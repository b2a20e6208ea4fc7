import "$lib/theme/tokens.css";
import { mount } from "svelte";
import { speech } from "$lib/i18n/speech.svelte";
import Customer from "./Customer.svelte";

document.documentElement.lang = speech.language;
mount(Customer, { target: document.getElementById("app") as HTMLElement });
