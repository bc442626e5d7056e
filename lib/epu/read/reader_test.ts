import assert from "node:assert/strict";
import { epuMicrograph, epuSample } from "../../../tests/epu_samples.ts";
import type { EpuFile, EpuFileKind, EpuReading, ReadRefusal } from "./files.ts";
import { EpuFileReader, readEpuFile, readEpuStream } from "./reader.ts";

const EPU = "http://schemas.datacontract.org/2004/07/Applications.Epu.Persistence";
const EPU_1 = "http://schemas.datacontract.org/2004/07/Fei.Applications.Epu.Persistence";
const CT = "http://schemas.datacontract.org/2004/07/Fei.Applications.Common.Types";
const GEN = "http://schemas.datacontract.org/2004/07/System.Collections.Generic";
const ARR = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
const Z = "http://schemas.microsoft.com/2003/10/Serialization/";
const I = "http://www.w3.org/2001/XMLSchema-instance";

const encode = (text: string) => new TextEncoder().encode(text);

function session(inner: string, namespace = EPU, version = "3.9.1.8206"): string {
  return `<EpuSessionXml xmlns="${namespace}" xmlns:e="${namespace}" xmlns:ct="${CT}" xmlns:g="${GEN}" xmlns:a="${ARR}" ` +
    `xmlns:z="${Z}" xmlns:i="${I}" z:Id="1" z:Assembly="Applications.Epu.Persistence, Version=${version}, Culture=neutral">` +
    `${inner}</EpuSessionXml>`;
}

function square(inner: string): string {
  return session(inner).replaceAll("EpuSessionXml", "GridSquareXml");
}

function read(path: string, text: string | Uint8Array): EpuReading {
  const result = readEpuFile(path, typeof text === "string" ? encode(text) : text);
  assert.ok(result.ok, result.ok ? "" : `${result.refusal.kind}: ${result.refusal.text}`);
  return result.value;
}

function refusal(path: string, text: string | Uint8Array): ReadRefusal {
  const result = readEpuFile(path, typeof text === "string" ? encode(text) : text);
  assert.ok(!result.ok);
  return result.refusal;
}

function as<K extends EpuFileKind>(kind: K, file: EpuFile): Extract<EpuFile, { kind: K }> {
  assert.equal(file.kind, kind);
  return file as Extract<EpuFile, { kind: K }>;
}

const codes = ({ findings }: EpuReading) => findings.map(({ code }) => code);

Deno.test("a reference is resolved before its nil is believed", () => {
  const { file, findings } = read(
    "EpuSession.dm",
    session(
      `<ImageFileFormat z:Id="2">Mrc</ImageFileFormat><Name z:Ref="2" i:nil="true"/><ClusteringMode i:nil="true"/>`,
    ),
  );
  assert.equal(as("session", file).name, "Mrc");
  assert.equal(as("session", file).clusteringMode, null);
  assert.deepEqual(findings, []);
});

Deno.test("a reference to text in a place that no field needs is resolved too", () => {
  const { file } = read(
    "EpuSession.dm",
    session(
      `<Whatever><Deep z:Id="7"> Grid &amp; more </Deep></Whatever><Name z:Ref="7" i:nil="true"/>`,
    ),
  );
  assert.equal(as("session", file).name, "Grid & more");
});

Deno.test("a reference to what was never written is a finding and null", () => {
  const reading = read(
    "EpuSession.dm",
    session(`<Name>x</Name><ClusteringMode z:Ref="99" i:nil="true"/>`),
  );
  assert.equal(as("session", reading.file).clusteringMode, null);
  assert.deepEqual(codes(reading), ["unresolved-reference"]);
  assert.equal(reading.findings[0]!.where, "EpuSessionXml/ClusteringMode");
});

Deno.test("an area may refer to the whole acquisition setting of another", () => {
  const area = (key: number, setting: string) =>
    `<g:KeyValuePairOfintDataAcquisitionAreaXmlQ><g:key>${key}</g:key><g:value z:Id="${key}">${setting}</g:value></g:KeyValuePairOfintDataAcquisitionAreaXmlQ>`;
  const { file, findings } = read(
    "EpuSession.dm",
    session(
      `<Name>x</Name><Samples><_items z:Size="4"><SampleXml><TargetAreaTemplate><DataAcquisitionAreas><a:m_serializationArray z:Size="2">` +
        area(
          10,
          `<e:ImageAcquisitionSettingXml z:Id="5"><ct:Id>12</ct:Id><e:Defocus z:Id="6" z:Size="2"><a:double>-1E-06</a:double><a:double>-2E-06</a:double></e:Defocus><e:ExposureTime>2</e:ExposureTime></e:ImageAcquisitionSettingXml>`,
        ) + area(20, `<e:ImageAcquisitionSettingXml z:Ref="5" i:nil="true"/>`) +
        `</a:m_serializationArray></DataAcquisitionAreas></TargetAreaTemplate></SampleXml><SampleXml i:nil="true"/><SampleXml i:nil="true"/><SampleXml i:nil="true"/></_items><_size>1</_size></Samples>`,
    ),
  );
  const setting = { settingId: 12, defocusM: [-1e-6, -2e-6], exposureMs: 2000 };
  assert.deepEqual(as("session", file).areas, [
    { areaId: 10, ...setting },
    { areaId: 20, ...setting },
  ]);
  assert.deepEqual(findings, []);
});

Deno.test("the spare places of an array are no entries, and a list cut short is a finding", () => {
  const folders = (size: number) =>
    session(
      `<Name>x</Name><StorageFolders><_items z:Size="4"><StorageFolderXml i:nil="true"/><StorageFolderXml><Path>Z:\\a</Path></StorageFolderXml></_items><_size>${size}</_size></StorageFolders>`,
    );
  const whole = read("EpuSession.dm", folders(2));
  assert.equal(as("session", whole.file).storagePath, "Z:\\a");
  assert.deepEqual(codes(whole), []);
  const first = read("EpuSession.dm", folders(1));
  assert.equal(
    as("session", first.file).storagePath,
    null,
    "the entry stands behind the list's end",
  );
  assert.deepEqual(codes(read("EpuSession.dm", folders(3))), ["short-list"]);
});

Deno.test("a size without its array is no empty list", () => {
  const reading = read(
    "EpuSession.dm",
    session(
      `<Name>x</Name><Samples><_items><SampleXml><GridType>x</GridType></SampleXml></_items><_size>1</_size></Samples><StorageFolders><_size>2</_size></StorageFolders>`,
    ),
  );
  assert.equal(as("session", reading.file).storagePath, null);
  assert.deepEqual(codes(reading), ["short-list"]);
});

Deno.test("EPU 1.x sessions are read under their older namespace", () => {
  for (const version of ["1.2.0.16", "1.3.0.77"]) {
    const { file, findings } = read(
      "EpuSession.dm",
      session(
        `<ct:Id>11619466</ct:Id><Name>old</Name><Samples><_items><SampleXml><GridSquares><a:m_serializationArray>` +
          `<g:KeyValuePairOfintSerializedReferenceX><g:key>5</g:key><g:value><ct:FileName>Metadata\\GridSquare_5.dm</ct:FileName></g:value></g:KeyValuePairOfintSerializedReferenceX>` +
          `</a:m_serializationArray></GridSquares><TargetAreaTemplate><DataAcquisitionAreas><a:m_serializationArray>` +
          `<g:KeyValuePairOfintDataAcquisitionAreaX><g:key>7</g:key><g:value><e:ImageAcquisitionSettings><ct:Id>8</ct:Id><e:ExposureTime>1.5</e:ExposureTime></e:ImageAcquisitionSettings></g:value></g:KeyValuePairOfintDataAcquisitionAreaX>` +
          `</a:m_serializationArray></DataAcquisitionAreas></TargetAreaTemplate></SampleXml></_items><_size>1</_size></Samples>`,
        EPU_1,
        version,
      ),
    );
    const read1 = as("session", file);
    assert.deepEqual([read1.epuId, read1.name, read1.epuVersion], [11619466, "old", version]);
    assert.deepEqual(read1.squareIds, [5]);
    assert.deepEqual(read1.areas, [
      { areaId: 7, settingId: 8, defocusM: [], exposureMs: 1500 },
    ]);
    assert.equal(read1.clusteringMode, null);
    assert.deepEqual(findings, []);
  }
});

Deno.test("a version or a namespace nobody has seen is read, with a finding", () => {
  const later = read("EpuSession.dm", session("<ct:Id>4</ct:Id><Name>x</Name>", EPU, "5.0.1.2"));
  assert.equal(as("session", later.file).epuId, 4);
  assert.deepEqual(codes(later), ["unknown-epu-version"]);
  const moved = read(
    "EpuSession.dm",
    session("<ct:Id>4</ct:Id><Name>x</Name>", "urn:Applications.Epu.Persistence.V9"),
  );
  assert.equal(as("session", moved.file).name, "x");
  assert.deepEqual(codes(moved), ["unknown-namespace"]);
  const silent = read(
    "EpuSession.dm",
    session("<Name>x</Name>").replace(/ z:Assembly="[^"]*"/, ""),
  );
  assert.deepEqual(codes(silent), ["unknown-epu-version"]);
});

Deno.test("a session that says nothing is an error to be seen, not an empty one", () => {
  const reading = read("EpuSession.dm", session("<Unheard>1</Unheard>"));
  assert.deepEqual(
    reading.findings.map(({ code, severity }) => [code, severity]),
    [["unknown-content", "warning"], ["empty-session", "error"]],
  );
});

Deno.test("prefixes mean nothing and namespaces everything", () => {
  const renamed = session("<ct:Id>4</ct:Id><Name>x</Name>").replaceAll("ct:", "q:").replace(
    "xmlns:ct",
    "xmlns:q",
  );
  assert.equal(as("session", read("EpuSession.dm", renamed).file).epuId, 4);
  const foreign = read("EpuSession.dm", session(`<Id>9</Id><Name>x</Name><ct:Name>y</ct:Name>`));
  assert.deepEqual(
    [as("session", foreign.file).epuId, as("session", foreign.file).name],
    [null, "x"],
  );
});

Deno.test("a value that is none counts as unknown and is named", () => {
  const reading = read(
    "EpuSession.dm",
    session(
      `<ct:Id>4x</ct:Id><ClusteringRadius>NaN</ClusteringRadius><Name>x</Name><TiltAngle><b/></TiltAngle>`,
    ),
  );
  const { epuId, clusteringRadiusM, tiltDeg } = as("session", reading.file);
  assert.deepEqual([epuId, clusteringRadiusM, tiltDeg], [null, null, null]);
  assert.deepEqual(codes(reading), ["bad-value", "bad-value", "unexpected-content"]);
  assert.match(reading.findings[0]!.text, /"Id" is "4x", not an id/);
});

Deno.test("an element that stands twice counts once, and is named", () => {
  const reading = read("EpuSession.dm", session("<ct:Id>4</ct:Id><ct:Id>5</ct:Id><Name>x</Name>"));
  assert.equal(as("session", reading.file).epuId, 4);
  assert.deepEqual(codes(reading), ["repeated-element"]);
});

Deno.test("a tilt is given in degrees, whichever way EPU writes it", () => {
  const tilt = (text: string) =>
    as("session", read("EpuSession.dm", session(`<Name>x</Name>${text}`)).file).tiltDeg;
  const on = "<TiltedAcquisitionEnabled>true</TiltedAcquisitionEnabled>";
  assert.ok(Math.abs(tilt(`<TiltAngle>0.5235987755982988</TiltAngle>${on}`)! - 30) < 1e-9);
  assert.equal(tilt(`<TiltAngle>-40</TiltAngle>${on}`), -40);
  assert.equal(
    tilt("<TiltAngle>30</TiltAngle><TiltedAcquisitionEnabled>false</TiltedAcquisitionEnabled>"),
    0,
  );
  assert.equal(tilt(""), null);
});

const HOLE =
  `<g:KeyValuePairOfintTargetLocationXmlQ><g:key>31</g:key><g:value><ct:Id>31</ct:Id><e:Selected>true</e:Selected><e:IsPositionCorrected>true</e:IsPositionCorrected>` +
  `<e:CorrectedStagePosition xmlns:s="http://schemas.datacontract.org/2004/07/Fei.SharedObjects"><s:X>1E-06</s:X><s:Y>2E-06</s:Y></e:CorrectedStagePosition>` +
  `<e:PositionInCluster xmlns:d="http://schemas.datacontract.org/2004/07/System.Drawing"><d:x>-1</d:x><d:y>2</d:y></e:PositionInCluster>` +
  `<e:ParticleAcquisitions><Version xmlns="">0</Version><HashSize xmlns="">0</HashSize></e:ParticleAcquisitions></g:value></g:KeyValuePairOfintTargetLocationXmlQ>`;

Deno.test("a lacey grid's holes are found where a regular grid has none", () => {
  for (const list of ["TargetLocationsEfficient", "TargetLocations"]) {
    const { file, findings } = read(
      "Metadata/GridSquare_5.dm",
      square(
        `<TargetLocations><${list}><a:m_serializationArray>${HOLE}</a:m_serializationArray></${list}></TargetLocations>`,
      ),
    );
    const [hole] = as("square-metadata", file).holes;
    assert.deepEqual(
      [hole?.holeId, hole?.selected, hole?.xPx, hole?.correctedStageXM, hole?.correctedStageYM],
      [31, true, null, 1e-6, 2e-6],
    );
    assert.deepEqual(
      [hole?.positionInCluster, hole?.positionInClusterX, hole?.positionInClusterY],
      [null, -1, 2],
    );
    assert.deepEqual(findings, []);
  }
});

Deno.test("holes in a form nobody has seen are missed aloud", () => {
  const reading = read(
    "Metadata/GridSquare_5.dm",
    square(
      `<TargetLocations><TargetLocations><a:NewForm>1</a:NewForm></TargetLocations></TargetLocations>`,
    ),
  );
  assert.deepEqual(as("square-metadata", reading.file).holes, []);
  assert.deepEqual(codes(reading), ["unknown-content"]);
});

Deno.test("a hole listed twice counts once", () => {
  const reading = read(
    "Metadata/GridSquare_5.dm",
    square(
      `<TargetLocations><TargetLocationsEfficient><a:m_serializationArray>${HOLE}${HOLE}</a:m_serializationArray></TargetLocationsEfficient></TargetLocations>`,
    ),
  );
  assert.equal(as("square-metadata", reading.file).holes.length, 1);
  assert.deepEqual(codes(reading), ["odd-hole-id"]);
});

Deno.test("a square that is not visited has neither holes nor findings", () => {
  const { file, findings } = read(
    "Metadata/GridSquare_5.dm",
    square(`<ct:Id>5</ct:Id><Selected>false</Selected><TargetLocations i:nil="true"/>`),
  );
  const read1 = as("square-metadata", file);
  assert.deepEqual([read1.squareId, read1.selected, read1.holes.length], [5, false, 0]);
  assert.deepEqual(findings, []);
});

Deno.test("a square is named by its file, and a copy of another's is noticed", () => {
  const reading = read("Metadata/GridSquare_5.dm", square("<ct:Id>6</ct:Id>"));
  assert.equal(as("square-metadata", reading.file).squareId, 5);
  assert.deepEqual(codes(reading), ["id-differs-from-name"]);
  assert.equal(as("square-metadata", read("copy.dm", square("<ct:Id>6</ct:Id>")).file).squareId, 6);
  assert.equal(refusal("copy.dm", square("<State>x</State>")).kind, "incomplete");
});

Deno.test("a file whose root contradicts its name gives nothing but an error", () => {
  const reading = read("EpuSession.dm", square("<ct:Id>6</ct:Id>"));
  assert.deepEqual(reading.file, {
    kind: "unknown",
    rootName: "GridSquareXml",
    rootNamespace: EPU,
  });
  assert.deepEqual(codes(reading), ["content-is-not-what-the-name-says"]);
});

Deno.test("a micrograph without its id is kept by its name, with a finding", () => {
  const { path, bytes } = epuMicrograph("FoilHole_9015883_Data_9017347_6_20250108_154915.xml");
  const text = new TextDecoder().decode(bytes).replace(/<uniqueID>[^<]*<\/uniqueID>/, "");
  const reading = read(path, text);
  assert.equal(as("micrograph-image", reading.file).uniqueId, null);
  assert.equal(as("micrograph-image", reading.file).holeId, 9015883);
  assert.deepEqual(codes(reading), ["micrograph-without-id"]);
});

Deno.test("an image under another name is an image of something", () => {
  const { bytes } = epuMicrograph("FoilHole_9015883_Data_9017347_6_20250108_154915.xml");
  assert.equal(read("Atlas/Atlas_4590151.xml", bytes).file.kind, "other-image");
});

Deno.test("a list of fractions that says fewer than were asked for is a finding", () => {
  const { path, bytes } = epuMicrograph(
    "FoilHole_5330585_Data_5338216_5338218_20200206_170645_Fractions.xml",
  );
  const text = new TextDecoder().decode(bytes).replace(
    "<ExpectedNumberOfFractions>22",
    "<ExpectedNumberOfFractions>40",
  );
  assert.deepEqual(codes(read(path, text)), ["dropped-fractions"]);
});

Deno.test("a document type, depth, size and numbers beyond the limits are refused", () => {
  const why = (text: string | Uint8Array) => {
    const found = refusal("EpuSession.dm", text);
    assert.equal(found.kind, "refused", found.text);
    return found.kind === "refused" ? found.reason : "";
  };
  assert.equal(why(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`), "doctype");
  assert.equal(why(`<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`), "doctype");
  assert.equal(why("<a>".repeat(65) + "</a>".repeat(65)), "too-deep");
  assert.equal(why(new Uint8Array(33 * 1024 * 1024).fill(0x20)), "too-large");
  const attributes = Array.from({ length: 65 }, (_, i) => `a${i}="1"`).join(" ");
  assert.equal(why(`<a ${attributes}/>`), "too-many-attributes");
  assert.equal(why(`<a>${"<b/>".repeat(1_000_001)}</a>`), "too-many-elements");
});

Deno.test("a list or a text referred to again and again is refused before it multiplies", () => {
  const area = (setting: string) =>
    `<g:KeyValuePairOfintX><g:key>1</g:key><g:value><e:ImageAcquisitionSettingXml>${setting}</e:ImageAcquisitionSettingXml></g:value></g:KeyValuePairOfintX>`;
  const bomb = session(
    `<Samples><_items><SampleXml><TargetAreaTemplate><DataAcquisitionAreas><a:m_serializationArray>` +
      area(`<e:Defocus z:Id="9">${"<a:double>1</a:double>".repeat(20_000)}</e:Defocus>`) +
      area(`<e:Defocus z:Ref="9" i:nil="true"/>`).repeat(2000) +
      `</a:m_serializationArray></DataAcquisitionAreas></TargetAreaTemplate></SampleXml></_items></Samples>`,
  );
  const long = session(
    `<Any z:Id="9">${"1".repeat(1_000_000)}</Any><Samples><_items>` +
      `<SampleXml><StartDateTime z:Ref="9"/></SampleXml>`.repeat(2000) + `</_items></Samples>`,
  );
  for (const text of [bomb, long]) {
    const found = refusal("EpuSession.dm", text);
    assert.ok(found.kind === "refused" && found.reason === "too-many-references", found.text);
  }
});

Deno.test("only the five entities and numbers mean anything", () => {
  const name = (text: string) =>
    as("session", read("EpuSession.dm", session(`<Name>${text}</Name>`)).file).name;
  assert.equal(name("&lt;&amp;&gt;&quot;&apos;&#65;&#x42;<![CDATA[<c>]]>"), "<&>\"'AB<c>");
  for (
    const entity of ["&nbsp;", "&constructor;", "&__proto__;", "&toString;", "&#0;", "&#xD800;"]
  ) {
    assert.equal(
      refusal("EpuSession.dm", session(`<Name>${entity}</Name>`)).kind,
      "not-xml",
      entity,
    );
  }
});

Deno.test("broken XML says where", () => {
  const found = refusal("EpuSession.dm", "<a>\n<b></c></a>");
  assert.ok(found.kind === "not-xml");
  assert.equal(found.line, 2);
  assert.match(found.text, /^Line 2, column \d+: unexpected close tag/);
  for (
    const text of ["hello", "<a></a><b/>", "<a></a>tail", "<a b=c/>", "<a><b></a>", "\x89PNG\r\n"]
  ) {
    assert.equal(refusal("x.dm", text).kind, "not-xml", text);
  }
});

Deno.test("what is not there yet is unfinished", () => {
  for (
    const text of [
      "",
      "   ",
      "<",
      "<?xml",
      "<a",
      "<a>",
      "<a>\0\0\0\0",
      "\0\0\0",
      "<a>x\0\0y</a>",
      "<a></a><!-- ",
    ]
  ) {
    assert.equal(refusal("x.dm", text).kind, "unfinished", JSON.stringify(text));
  }
});

Deno.test("zeros behind a whole document are passed over", () => {
  const reading = read("EpuSession.dm", session("<Name>x</Name>") + "\n\0\0\0\0");
  assert.equal(as("session", reading.file).name, "x");
  assert.deepEqual(codes(reading), ["padded-with-zeros"]);
  assert.equal(
    refusal("EpuSession.dm", session("<Name>x</Name>") + "\0\0left over").kind,
    "not-xml",
  );
});

Deno.test("UTF-16 is read like UTF-8, and a wrong declaration is a finding", () => {
  const text = session("<Name>Gräfin 𝛼</Name>");
  const wide = (isBig: boolean, mark: boolean) => {
    const units = [...(mark ? "\uFEFF" : "") + text].flatMap((character) =>
      character.split("").flatMap((unit) => {
        const code = unit.charCodeAt(0);
        return isBig ? [code >> 8, code & 255] : [code & 255, code >> 8];
      })
    );
    return new Uint8Array(units);
  };
  for (const isBig of [false, true]) {
    const marked = read("EpuSession.dm", wide(isBig, true));
    assert.equal(as("session", marked.file).name, "Gräfin 𝛼");
    assert.deepEqual(codes(marked), []);
    const bare = read("EpuSession.dm", wide(isBig, false));
    assert.equal(as("session", bare.file).name, "Gräfin 𝛼");
    assert.deepEqual(codes(bare), ["wrong-encoding"]);
  }
  const lying = read("EpuSession.dm", `<?xml version="1.0" encoding="utf-16"?>${text}`);
  assert.equal(as("session", lying.file).name, "Gräfin 𝛼");
  assert.deepEqual(codes(lying), ["wrong-encoding"]);
  assert.deepEqual(codes(read("EpuSession.dm", `\uFEFF${text}`)), []);
});

Deno.test("text in the wrong encoding counts as unknown; the rest of the file is read", () => {
  const latin = new Uint8Array(
    [...session("<ct:Id>4</ct:Id><Name>Gräfin</Name>")].map((c) => c.charCodeAt(0)),
  );
  const reading = read("EpuSession.dm", latin);
  assert.deepEqual(
    [as("session", reading.file).epuId, as("session", reading.file).name],
    [4, ""],
  );
  assert.deepEqual(codes(reading), ["wrong-encoding", "wrong-encoding"]);
});

Deno.test("a file reads the same in chunks of any size", async () => {
  const bytes = epuSample("3.7/EpuSession.dm");
  const whole = readEpuFile("EpuSession.dm", bytes);
  for (const size of [1, 7, 1000, 65_537]) {
    const reader = new EpuFileReader("EpuSession.dm");
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    assert.deepEqual(reader.end(), whole);
  }
  assert.deepEqual(await readEpuStream("EpuSession.dm", new Blob([bytes]).stream()), whole);
});

Deno.test("a stream is left where nothing more can be learnt", async () => {
  let taken = 0;
  async function* endless() {
    yield encode("<a></b>");
    for (;;) {
      taken++;
      yield await Promise.resolve(encode("x"));
    }
  }
  const result = await readEpuStream("EpuSession.dm", endless());
  assert.ok(!result.ok && result.refusal.kind === "not-xml");
  assert.ok(taken <= 1);
});
