// Another site, on a port of its own: what an external action leads to.

import { createServer } from 'node:http';

const PAGE = '<!doctype html><html lang="en"><title>Questions</title><h1>What would you like to ask?</h1></html>';

export class Site {
  /** Addresses that somebody asked for. */
  visits = [];

  /** What a visitor of `/holds` finds. */
  content = '';

  static async start() {
    const site = new Site();
    site.server = createServer((request, reply) => {
      site.visits.push(request.url);
      const page = request.url === '/holds' ? `<!doctype html><html lang="en"><title>Elsewhere</title><main><h1>Elsewhere</h1>${site.content}</main></html>` : PAGE;
      reply.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
    });
    await new Promise((resolve) => site.server.listen(0, '127.0.0.1', resolve));
    return site;
  }

  get address() {
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  /** An external action that leads here. */
  action(change = {}) {
    return { title: 'Ask', url: `${this.address}ask`, description: '', colour: null, openExternally: false, ...change };
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
