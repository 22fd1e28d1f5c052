// Writes TypeScript types of the schema and of every document of docs/clients, with the documents themselves typed.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as documentsPlugin from "@graphql-codegen/typed-document-node";
import * as operationsPlugin from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const [schemaPath, folder, target] = process.argv.slice(2);
const scalars = { Date: "string", DateTime: "string", UUID: "string", VND: "string", JSON: "unknown" };
const config = { scalars, strictScalars: true, enumsAsTypes: true, useTypeImports: true, dedupeOperationSuffix: true };
const written = await codegen({
  filename: target,
  schema: parse(readFileSync(schemaPath, "utf8")),
  documents: readdirSync(folder).map((name) => ({
    location: name,
    document: parse(readFileSync(`${folder}/${name}`, "utf8")),
  })),
  config,
  plugins: [{ operations: config }, { documents: config }],
  pluginMap: { operations: operationsPlugin, documents: documentsPlugin },
});
writeFileSync(target, written);
