// Serves OHIF and, beside it, Orthanc's DICOMweb: one origin, on loopback only.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OHIF = fileURLToPath(new URL('dist/', import.meta.url));
const MEDIA_TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};
const CONFIGURATION = {
  routerBasename: '/',
  extensions: [],
  modes: [],
  showStudyList: true,
  showErrorDetails: 'always',
  investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'dicomweb',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'dicomweb',
      configuration: {
        friendlyName: 'Orthanc',
        name: 'orthanc',
        qidoRoot: '/dicom-web',
        wadoRoot: '/dicom-web',
        wadoUriRoot: '/wado',
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        singlepart: 'bulkdata,video',
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
        omitQuotationForMultipartRequest: true,
      },
    },
  ],
};

/** Its address, once it listens. */
export function serveOhif(orthancPort) {
  const server = createServer((asked, answer) => {
    const path = decodeURIComponent(asked.url.split('?')[0]);
    if (/^\/(dicom-web|wado)\b/.test(path)) forward(asked, answer, orthancPort);
    else if (path === '/app-config.js') sendConfiguration(answer);
    else sendFile(path, answer);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

function forward(asked, answer, port) {
  const { url: path, method, headers } = asked;
  const passed = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  passed.on('error', (error) => answer.writeHead(502).end(String(error)));
  asked.pipe(passed);
}

function sendConfiguration(answer) {
  answer.writeHead(200, { 'content-type': MEDIA_TYPES['.js'] });
  answer.end(`window.config = ${JSON.stringify(CONFIGURATION)};`);
}

/** A file of the viewer; every other path is a page of it. */
function sendFile(path, answer) {
  const wanted = join(OHIF, path);
  const isFile = wanted.startsWith(OHIF) && existsSync(wanted) && statSync(wanted).isFile();
  const file = isFile ? wanted : join(OHIF, 'index.html');
  answer.writeHead(200, {
    'content-type': MEDIA_TYPES[extname(file)] ?? 'application/octet-stream',
    // Without these a browser gives the page no shared memory, and decoding no threads.
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-opener-policy': 'same-origin',
  });
  createReadStream(file).pipe(answer);
}
