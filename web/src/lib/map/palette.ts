/** The basemap's colours, one set per theme. */
import type { Theme } from "../theme/theme.svelte";

export interface Palette {
  void: string;
  land: string;
  sea: string;
  shore: string;
  green: string;
  built: string;
  building: string;
  buildingEdge: string;
  path: string;
  minor: string;
  secondary: string;
  primary: string;
  motorway: string;
  glow: string;
  glowOpacity: number;
  casing: string;
  rail: string;
  boundary: string;
  place: string;
  street: string;
  water: string;
  halo: string;
}

export const PALETTES: Record<Theme, Palette> = {
  dark: {
    void: "#090e1c",
    land: "#0f1733",
    sea: "#090e1c",
    shore: "#2c4a80",
    green: "#12291f",
    built: "#121c3d",
    building: "#1d2950",
    buildingEdge: "#2a3968",
    path: "#27345f",
    minor: "#2f3f76",
    secondary: "#40549a",
    primary: "#4d66b3",
    motorway: "#6f8be0",
    glow: "#5b7be0",
    glowOpacity: 0.22,
    casing: "#0b1129",
    rail: "#3a4468",
    boundary: "#6b5b95",
    place: "#d9e2f7",
    street: "#93a2cb",
    water: "#5f7cb8",
    halo: "#0b1128",
  },
  light: {
    void: "#cfdfea",
    land: "#f3f0e9",
    sea: "#cfdfea",
    shore: "#a3c0d4",
    green: "#d3e4c8",
    built: "#ece7dd",
    building: "#dfd8ca",
    buildingEdge: "#cdc4b2",
    path: "#d6cfc0",
    minor: "#ffffff",
    secondary: "#ffffff",
    primary: "#ffeec2",
    motorway: "#ffdb94",
    glow: "#b9a77c",
    glowOpacity: 0.18,
    casing: "#cfc6b4",
    rail: "#b3aca0",
    boundary: "#a48fc0",
    place: "#26304f",
    street: "#5b6379",
    water: "#5a83a3",
    halo: "#fbfaf7",
  },
};
