// Node 20 has no Promise.withResolvers; a dependency expects that of Node 22.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((one, other) => ([resolve, reject] = [one, other]));
  return { promise, resolve, reject };
};
