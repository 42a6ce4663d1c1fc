import * as pulumi from "@pulumi/pulumi";
import * as django from "pulumi-django";

const config = new pulumi.Config();

const shared = new django.base.AdHocBase("shared", { domainName: "example.com" });

const alpha = new django.app.AdHocApp("alpha", {
    base: shared,
    backendImage: config.require("image"),
    settingsModule: "shop.settings.production",
    web: { cpuUnits: 512, memoryMib: 1024, healthCheck: { path: "/health/" } },
    workers: { default: {} },
    without: ["beat"],
    extraEnv: { LOG_LEVEL: "INFO" },
});

export const url = alpha.url;
export const contract = shared.contract;
