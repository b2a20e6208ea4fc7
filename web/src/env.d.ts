declare global {
  interface Window {
    /** set once the first picture is whole: what tests wait for */
    __ready?: boolean;
  }
}

export {};
