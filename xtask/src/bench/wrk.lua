-- One kind of request, and at the end one line of JSON. Arguments after the URL: method, token, body.

function init(args)
    wrk.method = args[1]
    if args[2] ~= "" then
        wrk.headers["authorization"] = "Bearer " .. args[2]
    end
    if args[3] ~= "" then
        wrk.headers["content-type"] = "application/json"
        wrk.body = args[3]
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    print(string.format(
        '{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"p999_ms":%f,"failed":%d}',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        latency:percentile(99.9) / 1e3, failed
    ))
end
