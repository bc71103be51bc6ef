// Writes a Segmentation as OHIF does when a reader stores what was drawn on a radiograph.
//
//   node cornerstone_draw.mjs SOURCE.dcm ASKED.json SEG.dcm
//
// ASKED: {segments: [{label, pixels: FILE of one byte a pixel}], predecessor: an item or null}. Each
// segment is a labelmap of its own, as OHIF keeps those that overlap.
import { readFileSync, writeFileSync } from 'node:fs';
import { contentOf, dcmjs, naturalized } from './browserless.mjs';

const { adaptersSEG } = await import('@cornerstonejs/adapters');

const [, , sourceFile, askedFile, segFile] = process.argv;
const asked = JSON.parse(readFileSync(askedFile, 'utf-8'));
const source = naturalized(contentOf(sourceFile));
const { Rows: rows, Columns: columns } = source;

// As OHIF's extension cornerstone-dicom-seg describes a segment that has nothing but a label.
const TISSUE = { CodeValue: 'T-D0050', CodingSchemeDesignator: 'SRT', CodeMeaning: 'Tissue' };
const labelmaps = asked.segments.map(({ label, pixels }, at) => {
  const number = at + 1;
  const pixelData = Uint8Array.from(readFileSync(pixels), byte => (byte ? number : 0));
  const metadata = [];
  metadata[number] = {
    SegmentNumber: String(number),
    SegmentLabel: label,
    SegmentAlgorithmType: 'MANUAL',
    SegmentAlgorithmName: 'OHIF Brush',
    RecommendedDisplayCIELabValue: [30000, 40000, 50000],
    SegmentedPropertyCategoryCodeSequence: TISSUE,
    SegmentedPropertyTypeCodeSequence: TISSUE,
  };
  const drawn = { segmentsOnLabelmap: [number], rows, columns, pixelData };
  return { segmentsOnLabelmap: [number], labelmaps2D: [drawn], metadata };
});

// What OHIF says of a radiograph, which has neither position nor orientation.
const PLANE = { imageOrientationPatient: [1, 0, 0, 0, 1, 0], imagePositionPatient: [0, 0, 0] };
// It answers by module; all of a radiograph's attributes are in one instance here.
const { PixelData: _pixels, ...stated } = source;
const instance = {
  ...stated,
  ImageOrientationPatient: PLANE.imageOrientationPatient,
  ImagePositionPatient: PLANE.imagePositionPatient,
};
const metadata = {
  get: (type) =>
    type === 'PredecessorSequence'
      ? { PredecessorDocumentsSequence: asked.predecessor }
      : type === 'imagePlaneModule'
        ? PLANE
        : instance,
};
const image = {
  imageId: `file:${source.SOPInstanceUID}`,
  voxelManager: { getScalarData: () => new Uint16Array(rows * columns) },
};
const { dataset } = adaptersSEG.Cornerstone3D.Segmentation.generateSegmentation(
  [image],
  labelmaps,
  metadata,
  asked.predecessor ? { predecessorImageId: 'file:predecessor' } : {},
);
writeFileSync(segFile, Buffer.from(dcmjs.data.datasetToDict(dataset).write()));
