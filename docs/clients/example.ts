// A small client: typed by the schema, nothing but `fetch` below it. `generated.ts` is made from schema.graphql and
// the documents beside this file; see README.md.
import { print } from "graphql";
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { ChangesQueryDocument, MyDocumentsQueryDocument, OpenDossierMutationDocument } from "./generated.js";
import type { OpenDossierInput } from "./generated.js";

export class Refused extends Error {
  constructor(readonly errors: readonly { message: string; extensions?: { code?: string } }[]) {
    super(errors.map(({ message }) => message).join("; "));
  }
}

export class Motlan {
  constructor(
    private readonly address: string,
    private readonly language: "vi" | "en" = "vi",
  ) {}

  async ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    const response = await fetch(`${this.address}/graphql`, {
      method: "POST",
      credentials: "include",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json;q=0.9",
        "Accept-Language": this.language,
      },
      body: JSON.stringify({ query: print(document), variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Data; errors?: Refused["errors"] };
    if (data === undefined || data === null) throw new Refused(errors ?? []);
    return data;
  }

  /** Titles of everything in the vault, page after page. */
  async *titles(): AsyncGenerator<string> {
    for (let after: string | null = null; ; ) {
      const page: Awaited<ReturnType<typeof this.page>> = await this.page(after);
      for (const { node } of page.edges) yield node.title;
      if (!page.pageInfo.hasNextPage) return;
      after = page.pageInfo.endCursor ?? null;
    }
  }

  private async page(after: string | null) {
    return (await this.ask(MyDocumentsQueryDocument, { first: 100, after })).myDocuments;
  }

  /** What to read anew or drop since a cursor, page after page; throw everything away first when `anew`. See phones.md. */
  async *changed(cursor: string | null) {
    for (let after = cursor; ; ) {
      const { changes } = await this.ask(ChangesQueryDocument, { first: 100, after });
      after = changes.pageInfo.endCursor ?? null;
      yield { anew: changes.startAnew != null, things: changes.edges.map(({ node }) => node), keep: after };
      if (!changes.pageInfo.hasNextPage) return;
    }
  }

  /** A draft, or the codes of what stands in its way. */
  async open(filing: Omit<OpenDossierInput, "idempotencyKey">): Promise<string | string[]> {
    const input = { ...filing, idempotencyKey: crypto.randomUUID() };
    const { openDossier } = await this.ask(OpenDossierMutationDocument, { input });
    return openDossier.dossier?.id ?? openDossier.errors.map(({ code }) => code);
  }
}
