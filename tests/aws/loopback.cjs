// Preloaded into servers that would listen on every interface: they listen on loopback alone.
const { Server } = require("node:net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (...given) {
  const [first, ...rest] = given;
  const callback = given.find((one) => typeof one === "function");
  const options = typeof first === "object" ? first : { port: first };
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...(callback ? [callback] : []));
};
