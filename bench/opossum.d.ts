declare module "opossum" {
  export class OpossumBreaker<I, O> {
    constructor(action: (input: I) => Promise<O>, options: Readonly<Record<string, unknown>>);
    fire(input: I): Promise<O>;
    open(): void;
    on(event: string, listener: () => void): this;
  }
  // biome-ignore lint/style/noDefaultExport: opossum exports it so.
  export default OpossumBreaker;
}
