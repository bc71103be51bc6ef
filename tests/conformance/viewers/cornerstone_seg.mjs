// Reads Segmentations with the Cornerstone adapter and says how many pixels each segment has.
//
//   node cornerstone_seg.mjs SOURCE.dcm SEG.dcm [SOURCE.dcm SEG.dcm ...]
//
// Prints a JSON list, one entry a pair: {labels: {number: label}, groups: [{number: pixels}]}.
// Segments that overlap are put in labelmap groups of their own, so pixels are counted by group.
import { contentOf, naturalized } from './browserless.mjs';

const { cache, metaData } = await import('@cornerstonejs/core');
const { adaptersSEG } = await import('@cornerstonejs/adapters');

const results = [];
for (let at = 2; at < process.argv.length; at += 2) {
  results.push(await read(process.argv[at], process.argv[at + 1]));
  cache.purgeCache();
}
console.log(JSON.stringify(results));

async function read(sourceFile, segFile) {
  const source = naturalized(contentOf(sourceFile));
  const imageId = `file:${source.SOPInstanceUID}`;
  const provider = (type, id) => (id === imageId ? metadataOf(source)[type] : undefined);
  metaData.addProvider(provider, 10000);
  const imported = await adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(
    [imageId],
    contentOf(segFile),
    { metadataProvider: metaData },
  );
  metaData.removeProvider(provider);
  const described = imported.segMetadata.data.filter(Boolean);
  return {
    labels: Object.fromEntries(described.map((one) => [one.SegmentNumber, one.SegmentLabel])),
    groups: imported.labelMapImages.map((group) => countPixels([group].flat())),
  };
}

/** What OHIF tells Cornerstone of a radiograph, which has neither position nor orientation. */
function metadataOf(source) {
  const { Rows: rows, Columns: columns } = source;
  return {
    instance: source,
    generalImageModule: {
      sopInstanceUID: source.SOPInstanceUID,
      sopClassUID: source.SOPClassUID,
    },
    generalSeriesModule: {
      seriesInstanceUID: source.SeriesInstanceUID,
      modality: source.Modality,
    },
    imagePlaneModule: {
      imageOrientationPatient: [1, 0, 0, 0, 1, 0],
      rowCosines: [1, 0, 0],
      columnCosines: [0, 1, 0],
      imagePositionPatient: [0, 0, 0],
      pixelSpacing: [1, 1],
      rowPixelSpacing: 1,
      columnPixelSpacing: 1,
      rows,
      columns,
    },
    imagePixelModule: {
      samplesPerPixel: 1,
      photometricInterpretation: 'MONOCHROME2',
      bitsAllocated: 16,
      bitsStored: 12,
      highBit: 11,
      pixelRepresentation: 0,
      rows,
      columns,
    },
  };
}

function countPixels(images) {
  const counts = {};
  for (const image of images) {
    for (const segment of image.voxelManager.getScalarData()) {
      if (segment) counts[segment] = (counts[segment] ?? 0) + 1;
    }
  }
  return counts;
}
