// One filing from the procedure to the desk, by the documents of docs/clients exactly as they lie there. How a
// document is run is the client's affair: `run(who, text, variables)` returns its data.
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

const folder = new URL("../../docs/clients/operations/", import.meta.url);

export const cookies = JSON.parse(process.env.COOKIES);

export async function journey(run) {
  const given = JSON.parse(process.env.JOURNEY);
  const done = [];

  async function ask(name, variables, who = "citizen") {
    const data = await run(who, readFileSync(new URL(`${name}.graphql`, folder), "utf8"), variables);
    done.push(name);
    return data;
  }
  async function act(name, input, who) {
    const data = await ask(name, { input: { idempotencyKey: randomUUID(), ...input } }, who);
    const payload = data[name[0].toLowerCase() + name.slice(1)];
    if (payload.errors.length > 0) throw new Error(`${name}: ${JSON.stringify(payload.errors)}`);
    return payload;
  }
  const look = async (id) => (await ask("Dossier", { id })).node;

  const { viewer } = await ask("Viewer", {});
  if (viewer.kind !== "citizen") throw new Error(`signed in as ${viewer.kind}`);
  const { procedures } = await ask("Procedures", { first: 100 });
  const listed = procedures.edges.find(({ node }) => node.code === given.procedure).node;
  const { procedure, agencies } = await ask("Procedure", { slug: listed.slug });
  const agency = agencies.find(({ code }) => code === given.agency);
  const filing = { procedure: procedure.code, agency: agency.id, ...given.filing };
  await ask("FilingPlan", { input: filing });
  let dossier = await look((await act("OpenDossier", filing)).dossier.id);

  for (const { type, requirement } of given.supply) {
    const bytes = readFileSync(given.file);
    const about = { dossier: dossier.id, requirement };
    const { upload } = await act("CreateUpload", {
      ...about,
      type,
      fileName: "to-giay.pdf",
      mediaType: "application/pdf",
      sizeBytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    const { pathname, search } = new URL(upload.url);
    const headers = { Cookie: cookies.citizen };
    const sent = await fetch(given.server + pathname + search, { method: "PUT", body: bytes, headers });
    if (sent.status !== 201) throw new Error(`upload: ${sent.status}`);
    await act("AddDocument", { ...about, type, upload: upload.id });
  }
  const declared = { boolean: false, integer: 3, vnd: 1, area_m2: 50, date: "2026-01-02" };
  for (let round = 0; round < 4; round += 1) {
    dossier = await look(dossier.id);
    const blank = dossier.form.filter((one) => one.required && one.value === null);
    if (blank.length === 0) break;
    const patch = Object.fromEntries(
      blank.map((one) => [one.key, one.type === "enum" ? one.options[0] : (declared[one.type] ?? "x")]),
    );
    await act("UpdateDossierForm", { dossier: dossier.id, expectedVersion: dossier.version, patch });
  }
  const consent = dossier.notice && { noticeSha256: dossier.notice.sha256 };
  const filed = await act("SubmitDossier", { dossier: dossier.id, expectedVersion: dossier.version, consent });

  await ask("MyDossiers", { first: 100 });
  const { myConsents } = await ask("MyConsents", { first: 100 });
  if (myConsents.edges.length !== 1) throw new Error("no consent was written down");
  await ask("AccessRequests", { first: 100 });
  await ask("MyDataUsage", { first: 100 });
  await ask("MyNotices", { first: 100 });
  const { myDocuments } = await ask("MyDocuments", { first: 100 });
  const paper = (await ask("Document", { id: myDocuments.edges[0].node.id })).document;
  const { share } = await act("CreateShare", { document: paper.id, claims: [] });
  const { verdict } = await act("VerifyDocument", { code: share.code }, "officer");
  if (verdict.signature !== "VALID") throw new Error(`verdict: ${JSON.stringify(verdict)}`);

  const { desk } = await ask("Desk", { first: 100 }, "officer");
  const waiting = desk.edges.find(({ node }) => node.code === filed.dossier.code).node;
  const seen = { dossier: waiting.id, expectedVersion: waiting.version };
  const taken = await act("ReceiveDossier", seen, "officer");
  console.log(JSON.stringify({ done, status: taken.dossier.status, code: filed.dossier.code }));
}
