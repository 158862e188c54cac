; ModuleID = "depthwise"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"depthwise"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  %".28" = alloca <8 x float>
  %".30" = alloca <8 x float>
  %".32" = alloca <8 x float>
  %".34" = alloca <8 x float>
  br label %"body"
body:
  %".6" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".7" = load ptr, ptr %".6"
  %".8" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".9" = load ptr, ptr %".8"
  %".10" = getelementptr inbounds ptr, ptr %".1", i64 2
  %".11" = load ptr, ptr %".10"
  %".12" = getelementptr inbounds ptr, ptr %".1", i64 3
  %".13" = load ptr, ptr %".12"
  %".14" = udiv i64 %".2", %".3"
  %".15" = add nsw i64 %".2", 1
  %".16" = udiv i64 %".15", %".3"
  %".17" = icmp slt i64 %".14", %".16"
  br i1 %".17", label %"loop", label %"done"
loop:
  %".19" = phi  i64 [%".14", %"body"], [%".125", %"done.1"]
  %".20" = mul nsw i64 %".19", 288
  %".21" = getelementptr inbounds float, ptr %".7", i64 %".20"
  %".22" = getelementptr inbounds float, ptr %".21", i64 0
  %".23" = getelementptr inbounds float, ptr %".9", i64 0
  %".24" = getelementptr inbounds float, ptr %".11", i64 0
  br label %"loop.1"
done:
  ret void
loop.1:
  %".26" = phi  i64 [0, %"loop"], [%".122", %"done.2"]
  %".27" = load <8 x float>, ptr %".24", align 4
  store <8 x float> %".27", <8 x float>* %".28"
  store <8 x float> %".27", <8 x float>* %".30"
  store <8 x float> %".27", <8 x float>* %".32"
  store <8 x float> %".27", <8 x float>* %".34"
  %".36" = getelementptr inbounds float, ptr %".23", i64 0
  br label %"loop.2"
done.1:
  %".125" = add nsw i64 %".19", 1
  %".126" = icmp slt i64 %".125", %".16"
  br i1 %".126", label %"loop", label %"done"
loop.2:
  %".38" = phi  i64 [0, %"loop.1"], [%".104", %"loop.2"]
  %".39" = add nsw i64 %".26", -1
  %".40" = add nsw i64 %".39", %".38"
  %".41" = getelementptr inbounds float, ptr %".22", i64 0
  %".42" = mul nsw i64 %".40", 48
  %".43" = add nsw i64 %".42", -8
  %".44" = getelementptr inbounds float, ptr %".41", i64 %".43"
  %".45" = mul nsw i64 %".38", 3
  %".46" = mul nsw i64 %".45", 8
  %".47" = getelementptr inbounds float, ptr %".36", i64 %".46"
  %".48" = load <8 x float>, ptr %".47", align 4
  %".49" = add nsw i64 %".45", 1
  %".50" = mul nsw i64 %".49", 8
  %".51" = getelementptr inbounds float, ptr %".36", i64 %".50"
  %".52" = load <8 x float>, ptr %".51", align 4
  %".53" = add nsw i64 %".45", 2
  %".54" = mul nsw i64 %".53", 8
  %".55" = getelementptr inbounds float, ptr %".36", i64 %".54"
  %".56" = load <8 x float>, ptr %".55", align 4
  %".57" = load <8 x float>, ptr %".44", align 4
  %".58" = load <8 x float>, <8 x float>* %".28"
  %".59" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".57", <8 x float> %".48", <8 x float> %".58")
  store <8 x float> %".59", <8 x float>* %".28"
  %".61" = getelementptr inbounds float, ptr %".44", i64 8
  %".62" = load <8 x float>, ptr %".61", align 4
  %".63" = load <8 x float>, <8 x float>* %".28"
  %".64" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".62", <8 x float> %".52", <8 x float> %".63")
  store <8 x float> %".64", <8 x float>* %".28"
  %".66" = load <8 x float>, <8 x float>* %".30"
  %".67" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".62", <8 x float> %".48", <8 x float> %".66")
  store <8 x float> %".67", <8 x float>* %".30"
  %".69" = getelementptr inbounds float, ptr %".44", i64 16
  %".70" = load <8 x float>, ptr %".69", align 4
  %".71" = load <8 x float>, <8 x float>* %".28"
  %".72" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".70", <8 x float> %".56", <8 x float> %".71")
  store <8 x float> %".72", <8 x float>* %".28"
  %".74" = load <8 x float>, <8 x float>* %".30"
  %".75" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".70", <8 x float> %".52", <8 x float> %".74")
  store <8 x float> %".75", <8 x float>* %".30"
  %".77" = load <8 x float>, <8 x float>* %".32"
  %".78" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".70", <8 x float> %".48", <8 x float> %".77")
  store <8 x float> %".78", <8 x float>* %".32"
  %".80" = getelementptr inbounds float, ptr %".44", i64 24
  %".81" = load <8 x float>, ptr %".80", align 4
  %".82" = load <8 x float>, <8 x float>* %".30"
  %".83" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".81", <8 x float> %".56", <8 x float> %".82")
  store <8 x float> %".83", <8 x float>* %".30"
  %".85" = load <8 x float>, <8 x float>* %".32"
  %".86" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".81", <8 x float> %".52", <8 x float> %".85")
  store <8 x float> %".86", <8 x float>* %".32"
  %".88" = load <8 x float>, <8 x float>* %".34"
  %".89" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".81", <8 x float> %".48", <8 x float> %".88")
  store <8 x float> %".89", <8 x float>* %".34"
  %".91" = getelementptr inbounds float, ptr %".44", i64 32
  %".92" = load <8 x float>, ptr %".91", align 4
  %".93" = load <8 x float>, <8 x float>* %".32"
  %".94" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".92", <8 x float> %".56", <8 x float> %".93")
  store <8 x float> %".94", <8 x float>* %".32"
  %".96" = load <8 x float>, <8 x float>* %".34"
  %".97" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".92", <8 x float> %".52", <8 x float> %".96")
  store <8 x float> %".97", <8 x float>* %".34"
  %".99" = getelementptr inbounds float, ptr %".44", i64 40
  %".100" = load <8 x float>, ptr %".99", align 4
  %".101" = load <8 x float>, <8 x float>* %".34"
  %".102" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".100", <8 x float> %".56", <8 x float> %".101")
  store <8 x float> %".102", <8 x float>* %".34"
  %".104" = add nsw i64 %".38", 1
  %".105" = icmp slt i64 %".104", 3
  br i1 %".105", label %"loop.2", label %"done.2"
done.2:
  %".107" = mul nsw i64 %".19", 128
  %".108" = mul nsw i64 %".26", 32
  %".109" = add nsw i64 %".107", %".108"
  %".110" = getelementptr inbounds float, ptr %".13", i64 %".109"
  %".111" = load <8 x float>, <8 x float>* %".28"
  store <8 x float> %".111", ptr %".110", align 4
  %".113" = load <8 x float>, <8 x float>* %".30"
  %".114" = getelementptr inbounds float, ptr %".110", i64 8
  store <8 x float> %".113", ptr %".114", align 4
  %".116" = load <8 x float>, <8 x float>* %".32"
  %".117" = getelementptr inbounds float, ptr %".110", i64 16
  store <8 x float> %".116", ptr %".117", align 4
  %".119" = load <8 x float>, <8 x float>* %".34"
  %".120" = getelementptr inbounds float, ptr %".110", i64 24
  store <8 x float> %".119", ptr %".120", align 4
  %".122" = add nsw i64 %".26", 1
  %".123" = icmp slt i64 %".122", 4
  br i1 %".123", label %"loop.1", label %"done.1"
}

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")
